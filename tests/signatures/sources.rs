//! Who is asked for a signature, in which order, and as whom.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::{is_unsigned, occ, pin, sign_well, signer, told};
use crate::support::http::Response;
use crate::support::image::Image;
use crate::support::real_engine::Store;
use crate::support::registry::{self, Fault, Registry};
use crate::support::scene::Scene;
use crate::support::script::{Rule, Seen};
use crate::support::signature::{stored, tag};
use crate::support::tls::Authority;
use crate::support::unique;

/// A login at this registry.
fn login(registry: &Registry) -> String {
    // user:pass
    format!("{{\"auths\":{{\"{}\":{{\"auth\":\"dXNlcjpwYXNz\"}}}}}}", registry.host())
}

#[test]
fn the_second_source_may_have_the_signature() {
    let mut scene = Scene::new("second");
    let (a, b) = (scene.registry(), Registry::start());
    let signed = stored(&[signer().sign(scene.image.digest())]);
    b.push(scene.path(), &tag(scene.image.digest()), &signed);
    let run = occ(&scene, &[&a.host(), &b.host()], "").run().expect(0);
    scene.holds_it();
    assert_eq!(told(&run, "source"), scene.source(&a.host()));
}

#[test]
fn each_source_is_told_that_none_has_it() {
    let mut scene = Scene::new("neither");
    let (a, b) = (scene.registry(), Registry::start());
    let run = occ(&scene, &[&a.host(), &b.host()], "").run().expect(4);
    let has_none = |host: &str| format!("`{host}/{}` has none", scene.path());
    is_unsigned(&run, &format!("{}; {}", has_none(&a.host()), has_none(&b.host())));
    let sign = format!("`cosign sign --key cosign.key {}/", a.host());
    assert!(run.json()["images"][0]["hints"][0].as_str().unwrap().contains(&sign), "{run}");
}

#[test]
fn no_other_digest_stands_in_for_one_that_is_not_signed() {
    let mut scene = Scene::new("standin");
    let a = scene.registry();
    // The second has another image under the tag, and that one is signed.
    let other = Image::new(&unique());
    let b = Registry::with(scene.path(), "1", &other);
    b.push(scene.path(), &tag(other.digest()), &stored(&[signer().sign(other.digest())]));
    is_unsigned(&occ(&scene, &[&a.host(), &b.host()], "").run().expect(4), " has none");
    scene.holds_nothing();
    assert_eq!(b.seen(&other.layers[0].digest).len(), 0);
}

#[test]
fn a_private_registry_is_shown_the_login() {
    let mut scene = Scene::new("private");
    let a = scene.registry().private("user", "pass");
    sign_well(&a, &scene);
    occ(&scene, &[&a.host()], "").docker_config(&login(&a)).run().expect(0);
    scene.holds_it();
    let sent = |seen: &Seen| seen.request.header("authorization").map(str::to_owned);
    let mut asked: Vec<_> = a.seen(".sig").iter().map(sent).collect();
    if scene.engine.store() == Store::Podman {
        // The registry was asked for the tag by occ itself before, and had wanted a login then.
        asked.insert(0, None);
    }
    assert_eq!(asked, [None, Some("Basic dXNlcjpwYXNz".to_owned())]);
}

#[test]
fn without_a_login_a_private_registry_has_nothing() {
    let mut scene = Scene::new("nologin");
    let a = scene.registry().private("user", "pass");
    sign_well(&a, &scene);
    let run = occ(&scene, &[&a.host()], &pin(&scene)).run().expect(1);
    assert_eq!(told(&run, "code"), "OCC-ABSENT-OR-PRIVATE", "{run}");
    scene.holds_nothing();
}

#[test]
fn a_login_that_is_refused_is_told() {
    let mut scene = Scene::new("refused");
    let a = scene.registry().failing(".sig", Fault::Answer(registry::unauthorized()));
    sign_well(&a, &scene);
    let run = occ(&scene, &[&a.host()], "").docker_config(&login(&a)).run().expect(6);
    assert_eq!(told(&run, "code"), "OCC-DENIED", "{run}");
    scene.holds_nothing();
    run.never_says(&["dXNlcjpwYXNz", "user:pass"]);
}

#[test]
fn a_token_is_fetched_where_a_registry_wants_one() {
    let mut scene = Scene::new("bearer");
    let a = scene.registry();
    let wants = Fault::Answer(registry::unauthorized_bearer(&a.host()));
    let a = a.rule(Rule::on(".sig", wants).times(1));
    sign_well(&a, &scene);
    occ(&scene, &[&a.host()], "").docker_config(&login(&a)).run().expect(0);
    scene.holds_it();
    let tokens = a.seen("/token");
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].request.query("service").as_deref(), Some("scripted"));
    assert_eq!(tokens[0].request.query("scope").as_deref(), Some("repository:x:pull"));
    assert_eq!(tokens[0].request.header("authorization"), Some("Basic dXNlcjpwYXNz"));
    let asked = a.seen(".sig");
    assert_eq!(asked[1].request.header("authorization"), Some("Bearer scripted"));
}

#[test]
fn a_login_follows_no_redirection() {
    let mut scene = Scene::new("elsewhere");
    let elsewhere = Registry::start();
    let a = scene.registry().private("user", "pass");
    let signed = stored(&[signer().sign(scene.image.digest())]);
    let blob = &signed.layers[0].digest;
    elsewhere.push(scene.path(), "any", &signed);
    let target = format!("http://{}/v2/{}/blobs/{blob}", elsewhere.host(), scene.path());
    let there = Response::new(307, "text/plain", "").with_header("Location", target);
    let there = Fault::Answer(there);
    let a = a.failing(&format!("blobs/{blob}"), there);
    a.push(scene.path(), &tag(scene.image.digest()), &signed);
    occ(&scene, &[&a.host()], "").docker_config(&login(&a)).run().expect(0);
    scene.holds_it();
    let asked = elsewhere.seen(blob);
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].request.header("authorization"), None);
}

#[test]
fn over_tls_whom_this_machine_trusts_is_believed() {
    let mut scene = Scene::new("tls");
    // The engine does not trust it, so it has the image from elsewhere already.
    let a = scene.registry();
    let repository = format!("{}/{}", a.host(), scene.path());
    let (status, stream) = scene.engine.pull(&repository, "1");
    assert_eq!(status, 200, "{stream}");
    scene.engine.clean_up(format!("{repository}:1"));
    sign_well(&a, &scene);
    let authority = Authority::new();
    let host = format!("127.0.0.1:{}", authority.serve_registry(a.host()));
    let occ = occ(&scene, &[&host], &pin(&scene));
    let run = occ.run().expect(1);
    assert_eq!(told(&run, "code"), "OCC-TLS", "{run}");
    scene.holds_nothing();
    let ca = authority.path().join("ca.pem").display().to_string();
    occ.env("SSL_CERT_FILE", ca).run().expect(0);
    assert!(scene.engine.id(&scene.name).is_some());
}

#[test]
fn a_proxy_of_the_environment_is_gone_through() {
    let mut scene = Scene::new("proxy");
    let a = scene.registry();
    let repository = format!("{}/{}", a.host(), scene.path());
    let (status, stream) = scene.engine.pull(&repository, "1");
    assert_eq!(status, 200, "{stream}");
    scene.engine.clean_up(format!("{repository}:1"));
    sign_well(&a, &scene);
    let authority = Authority::new();
    let tls = authority.serve_registry(a.host());
    let (proxy, wanted) = proxy_to(tls);
    let ca = authority.path().join("ca.pem").display().to_string();
    let occ = occ(&scene, &["registry.example"], &pin(&scene)).env("SSL_CERT_FILE", ca);
    let run = occ.run().expect(7);
    assert_eq!(told(&run, "code"), "OCC-DNS", "{run}");
    let occ = occ.env("HTTPS_PROXY", format!("http://user:hunter2@127.0.0.1:{proxy}"));
    occ.run().expect(0).never_says(&["hunter2"]);
    assert!(scene.engine.id(&scene.name).is_some());
    let head = wanted.recv().unwrap();
    assert!(head.starts_with("CONNECT registry.example:443 HTTP/1.1\r\n"), "{head}");
    // user:hunter2
    assert!(head.to_lowercase().contains("proxy-authorization: basic dxnlcjpodw50zxiy"), "{head}");
}

/// A proxy that leads everybody to one port of this machine; its own port, and what it is asked.
fn proxy_to(port: u16) -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            let _ = tell.send(String::from_utf8(head).unwrap());
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || std::io::copy(&mut from, &mut to));
            let (mut from, mut to) = (server, client);
            thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    });
    (own, told)
}

#[test]
fn a_circle_of_redirections_has_an_end() {
    let mut scene = Scene::new("circle");
    let a = scene.registry().failing(".sig", Fault::Loop);
    sign_well(&a, &scene);
    let run = occ(&scene, &[&a.host()], "").run().expect(7);
    assert_eq!(told(&run, "code"), "OCC-NOT-A-REGISTRY", "{run}");
    scene.holds_nothing();
}
