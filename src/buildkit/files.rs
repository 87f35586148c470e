//! The directories that a builder may ask for: the context and the Dockerfile's.

use std::io::{self, Read};
use std::sync::Arc;

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::moby::filesync::v1::file_sync_server::FileSync;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Request, Response, Status, Streaming};

use crate::buildkit::faults::Faults;
use crate::buildkit::filter::Wanted;
use crate::buildkit::send::send;
use crate::engine::{FileEntry, FileKind, Files};
use crate::words::hash::hash_of;

/// What is served of files.
#[derive(Clone)]
pub(super) struct Sources {
    context: Arc<dyn Files>,
    dockerfile: Arc<dyn Files>,
    faults: Faults,
}

impl Sources {
    /// The files of a context, and beside them a Dockerfile with this name and perhaps an
    /// ignore file of its own.
    pub(super) fn new(
        context: Arc<dyn Files>,
        (name, dockerfile, ignore): (&str, Bytes, Option<Bytes>),
        faults: Faults,
    ) -> Self {
        let ignore = ignore.map(|text| (format!("{name}.dockerignore"), text));
        let texts = std::iter::once((name.to_owned(), dockerfile)).chain(ignore);
        Self { context, dockerfile: Arc::new(Texts(texts.collect())), faults }
    }
}

#[tonic::async_trait]
impl FileSync for Sources {
    type DiffCopyStream = BoxStream<'static, Result<Packet, Status>>;
    type TarStreamStream = BoxStream<'static, Result<Packet, Status>>;

    async fn diff_copy(
        &self,
        request: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::DiffCopyStream>, Status> {
        let meta = request.metadata();
        let name = values(meta, "dir-name").pop().unwrap_or_default();
        let files = match name.as_str() {
            "context" => &self.context,
            "dockerfile" => &self.dockerfile,
            _ => return Err(Status::not_found(format!("there is no directory `{name}`"))),
        };
        let wanted = Wanted {
            include: values(meta, "include-patterns"),
            follow: values(meta, "followpaths"),
            excludes: meta.contains_key("exclude-patterns"),
        };
        tracing::debug!(name, ?wanted, "the builder asks for files");
        let stream = send(Arc::clone(files), &wanted, request.into_inner(), self.faults.clone());
        Ok(Response::new(stream))
    }

    async fn tar_stream(
        &self,
        _: Request<Streaming<Packet>>,
    ) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// All values of a key. Newer builders escape what is not ASCII, and say so; older ones send
/// the bytes as they are.
fn values(meta: &MetadataMap, key: &str) -> Vec<String> {
    let is_escaped = meta.contains_key(format!("{key}-encoded"));
    let values = meta.get_all(key).iter().map(AsciiMetadataValue::as_bytes);
    let values = values.map(|value| if is_escaped { unescape(value) } else { value.to_vec() });
    values.map(|value| String::from_utf8_lossy(&value).into_owned()).collect()
}

/// Undoes Go's `url.QueryEscape`.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = &after[2..];
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
    }
    out
}

/// A directory of a few files in memory, sorted by their names.
struct Texts(Vec<(String, Bytes)>);

impl Files for Texts {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn entry(&self, at: usize) -> FileEntry<'_> {
        let (path, text) = &self.0[at];
        // Two texts of one size are told apart by this.
        let hash = hash_of([text]);
        let start = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
        let version = start % 1_000_000_000;
        let size = text.len() as u64;
        FileEntry { path, kind: FileKind::File { size, executable: false, version } }
    }

    fn is_ignored(&self, _: usize) -> bool {
        false
    }

    fn open(&self, at: usize) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(&*self.0[at].1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_says_so_is_escaped() {
        let mut meta = MetadataMap::new();
        meta.append("followpaths", "a%20b+c".parse().unwrap());
        meta.append("followpaths", "%C3%A9%zz%".parse().unwrap());
        assert_eq!(values(&meta, "followpaths"), ["a%20b+c", "%C3%A9%zz%"]);
        meta.append("followpaths-encoded", "1".parse().unwrap());
        assert_eq!(values(&meta, "followpaths"), ["a b c", "é%zz%"]);
        assert!(values(&meta, "other").is_empty());
        let raw = AsciiMetadataValue::try_from("\u{e9}.txt".as_bytes()).unwrap();
        meta.append("include-patterns", raw);
        assert_eq!(values(&meta, "include-patterns"), ["\u{e9}.txt"]);
    }
}
