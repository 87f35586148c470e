//! The request for a build, as `BuildKit`'s own Dockerfile frontend takes it.

use std::collections::HashMap;

use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, CacheOptionsEntry, Exporter as Export, SolveRequest,
};

use crate::buildkit::session::SessionId;
use crate::engine::BuildRequest;
use crate::words::hash::unique;
use crate::words::network::Network;
use crate::words::reference::Reference;

/// The frontend that every builder has inside; one that a Dockerfile names it gets itself.
const FRONTEND: &str = "dockerfile.v0";

/// The build argument that asks for a cache inside of the image, for `cache_from` elsewhere.
const INLINE_CACHE: &str = "BUILDKIT_INLINE_CACHE";

/// What Go takes for a yes.
const TRUE: [&str; 6] = ["1", "t", "T", "true", "TRUE", "True"];

/// Where the result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exporter {
    /// `moby` is the engine's image store; a builder of its own has others.
    pub(crate) kind: &'static str,
    /// What it is told.
    pub(crate) attrs: Vec<(&'static str, String)>,
}

/// The request for a build with the files of a session. `request` is without its context.
pub(super) fn request(
    request: &BuildRequest,
    session: &SessionId,
    exporter: Exporter,
) -> SolveRequest {
    let BuildRequest { args, network, .. } = request;
    let inline = args.get(INLINE_CACHE).is_some_and(|value| TRUE.contains(&&**value));
    let inline = inline
        .then(|| CacheOptionsEntry { r#type: "inline".to_owned(), attrs: HashMap::default() });
    let cache = CacheOptions { exports: inline.into_iter().collect(), ..CacheOptions::default() };
    let host = (*network == Network::Host).then(|| "network.host".to_owned());
    let Exporter { kind, attrs: of_exporter } = exporter;
    let of_exporter: HashMap<String, String> =
        of_exporter.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    SolveRequest {
        r#ref: unique(),
        session: session.as_str().to_owned(),
        frontend: FRONTEND.to_owned(),
        frontend_attrs: attrs(request),
        cache: Some(cache),
        entitlements: host.into_iter().collect(),
        // The fields that builders before 0.12 know alone, and all later ones, too.
        exporter_deprecated: kind.to_owned(),
        exporter_attrs_deprecated: of_exporter,
        exporters: Vec::<Export>::new(),
        ..SolveRequest::default()
    }
}

/// What the frontend is told.
fn attrs(request: &BuildRequest) -> HashMap<String, String> {
    let BuildRequest {
        dockerfile,
        target,
        args,
        labels,
        network,
        platform,
        no_cache,
        cache_from,
        pull,
        ..
    } = request;
    let mut attrs = HashMap::new();
    let mut set = |key: &str, value: &str| drop(attrs.insert(key.to_owned(), value.to_owned()));
    set("filename", dockerfile);
    set("image-resolve-mode", if *pull { "pull" } else { "default" });
    if let Some(target) = target {
        set("target", target);
    }
    for (name, value) in args {
        set(&format!("build-arg:{name}"), value);
    }
    for (key, value) in labels {
        set(&format!("label:{key}"), value);
    }
    match network {
        Network::Default => {}
        Network::None => set("force-network-mode", "none"),
        Network::Host => set("force-network-mode", "host"),
    }
    if let Some(platform) = platform {
        set("platform", &platform.to_string());
    }
    if !cache_from.is_empty() {
        // Not among the request's own imports: a frontend is not told of those.
        let images: Vec<String> = cache_from.iter().map(Reference::canonical).collect();
        set("cache-from", &images.join(","));
    }
    if *no_cache {
        // Nothing means: of all stages.
        set("no-cache", "");
    }
    attrs
}

#[cfg(test)]
#[path = "solve_tests.rs"]
mod tests;
