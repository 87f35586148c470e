//! TLS in front of the stub engine, or of a registry, with certificates made for the test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio_rustls::TlsAcceptor;

/// A certificate authority, and a certificate of it that serves both ends.
#[derive(Debug)]
pub(crate) struct Authority {
    directory: TempDir,
}

impl Authority {
    /// Makes the files that the Docker CLI looks for: `ca.pem`, `cert.pem`, `key.pem`.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let run = |arguments: &str| {
            let mut openssl = Command::new("openssl");
            openssl.current_dir(directory.path()).args(arguments.split_whitespace());
            let made = openssl.output().expect("this test needs the program `openssl`");
            assert!(made.status.success(), "{made:?}");
        };
        let names = "subjectAltName=IP:127.0.0.1,DNS:registry.example\n";
        fs_err::write(directory.path().join("names"), names).unwrap();
        run("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=occ-test-ca \
             -keyout ca-key.pem -out ca.pem");
        run("req -newkey rsa:2048 -nodes -subj /CN=occ-test -keyout key.pem -out request.pem");
        run("x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
             -extfile names -out cert.pem");
        Self { directory }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    fn certificates(&self, name: &str) -> Vec<CertificateDer<'static>> {
        let read = CertificateDer::pem_file_iter(self.path().join(name)).unwrap();
        read.map(Result::unwrap).collect()
    }

    /// Serves a registry over TLS, to everybody, to the end of the process; the port.
    pub(crate) fn serve_registry(&self, registry: String) -> u16 {
        let key = PrivateKeyDer::from_pem_file(self.path().join("key.pem")).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(self.certificates("cert.pem"), key)
            .unwrap();
        serve(TlsAcceptor::from(Arc::new(config)), async move || {
            TcpStream::connect(&registry).await
        })
    }

    /// Serves the engine at `socket` over TLS, to clients with a certificate of this
    /// authority alone, to the end of the process; the port.
    pub(crate) fn serve(&self, socket: PathBuf) -> u16 {
        let mut roots = RootCertStore::empty();
        self.certificates("ca.pem").into_iter().for_each(|ca| roots.add(ca).unwrap());
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        let key = PrivateKeyDer::from_pem_file(self.path().join("key.pem")).unwrap();
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.certificates("cert.pem"), key)
            .unwrap();
        serve(TlsAcceptor::from(Arc::new(config)), async move || UnixStream::connect(&socket).await)
    }
}

/// Speaks TLS on a free port, and hands what is inside on to where `connect` leads.
fn serve<C, S>(acceptor: TlsAcceptor, connect: C) -> u16
where
    C: AsyncFn() -> std::io::Result<S> + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (port, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let connect = Rc::new(connect);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            port.send(listener.local_addr().unwrap().port()).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, connect) = (acceptor.clone(), Rc::clone(&connect));
                tokio::task::spawn_local(async move {
                    // A client that is refused, or goes away, is what the tests are about.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let Ok(mut server) = connect().await else { return };
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
    });
    told.recv().unwrap()
}
