//! A registry as others run it: the `docker-registry` program, in a directory of
//! its own, on a free port.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

use super::http::{Response, call_with};
use super::image::{Blob, Image};
use super::script::lock;
use super::{unique, wait_until};

/// The process. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct RealRegistry {
    child: Child,
    host: String,
    log: Arc<Mutex<Vec<String>>>,
    _directory: TempDir,
}

impl RealRegistry {
    /// Starts one on loopback.
    pub(crate) fn start() -> Self {
        Self::serve(Ipv4Addr::LOCALHOST, "", tempfile::tempdir().unwrap())
    }

    /// Starts one that speaks TLS, with a certificate that nobody trusts.
    pub(crate) fn start_with_unknown_certificate(address: Ipv4Addr) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (key, certificate) =
            (directory.path().join("key.pem"), directory.path().join("certificate.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=occ-test", "-addext", &format!("subjectAltName=IP:{address}")])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("this test needs the program `openssl`");
        assert!(made.status.success(), "{made:?}");
        let tls = format!(
            "  tls:\n    certificate: {}\n    key: {}\n",
            certificate.display(),
            key.display()
        );
        Self::serve(address, &tls, directory)
    }

    fn serve(address: Ipv4Addr, tls: &str, directory: TempDir) -> Self {
        let storage = directory.path().join("storage");
        let config = directory.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}:0\n{tls}",
            storage.display()
        );
        fs_err::write(&config, text).unwrap();
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this test needs the program `docker-registry`");
        let mut log = BufReader::new(child.stderr.take().unwrap());
        // It took a free port, and tells which one in its log.
        let mut told = String::new();
        let port = loop {
            let start = told.len();
            let read = log.read_line(&mut told).unwrap();
            assert!(read > 0, "the registry ended: {told}");
            let line = &told[start..];
            if let Some((_, rest)) = line.split_once(&format!("listening on {address}:")) {
                break rest.chars().take_while(char::is_ascii_digit).collect::<String>();
            }
        };
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let all = Arc::clone(&lines);
        // A log that nobody reads would stop the registry once the pipe is full.
        thread::spawn(move || {
            log.lines().map_while(Result::ok).for_each(|line| lock(&all).push(line));
        });
        Self { child, host: format!("{address}:{port}"), log: lines, _directory: directory }
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// How many requests it has answered, by its own log. Those of the past are in there when
    /// one that is made now is.
    pub(crate) fn requests(&self) -> usize {
        let mark = format!("/v2/{}/tags/list", unique());
        let answered = |line: &String| line.contains("response completed");
        self.call("GET", &mark, &[], b"");
        wait_until("the registry logs a request", || {
            lock(&self.log).iter().any(|line| answered(line) && line.contains(&mark))
        });
        let is_other = |line: &&String| answered(line) && !line.contains("/tags/list");
        lock(&self.log).iter().filter(is_other).count()
    }

    /// Pushes an image, or an index and all that it names.
    pub(crate) fn push(&self, repository: &str, tag: &str, image: &Image) {
        for blob in image.configs.iter().chain(&image.layers) {
            self.upload(repository, blob);
        }
        // The registry takes a manifest only after what it names.
        for document in image.manifests.iter().skip(1) {
            self.put_manifest(repository, &document.digest, document);
        }
        self.put_manifest(repository, tag, &image.manifests[0]);
    }

    fn upload(&self, repository: &str, blob: &Blob) {
        let begun = self.call("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
        assert_eq!(begun.status, 202, "{begun:?}");
        let location = begun.header("Location").expect("an upload has a place");
        let path = &location[location.find("/v2/").unwrap()..];
        let join = if path.contains('?') { '&' } else { '?' };
        let target = format!("{path}{join}digest={}", blob.digest);
        let headers = [("Content-Type", "application/octet-stream")];
        let done = self.call("PUT", &target, &headers, &blob.bytes);
        assert_eq!(done.status, 201, "{done:?}");
    }

    fn put_manifest(&self, repository: &str, name: &str, document: &Blob) {
        let headers = [("Content-Type", document.media_type)];
        let target = format!("/v2/{repository}/manifests/{name}");
        let done = self.call("PUT", &target, &headers, &document.bytes);
        assert_eq!(done.status, 201, "{done:?}");
    }

    fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let stream = TcpStream::connect(&self.host).unwrap();
        call_with(stream, method, target, headers, body).unwrap()
    }
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
