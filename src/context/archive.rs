//! The tar archive of a tree, streamed: packed on a thread of its own, a few
//! chunks ahead of the engine, so that memory stays flat whatever the size.

use std::io::{self, Read, Write};
use std::path::Path;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream::{self, BoxStream, StreamExt};
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;

use crate::context::root::Root;
use crate::context::verified::Verified;
use crate::context::{Content, Kind, Tree, path_bytes};

/// Bytes to a chunk, and chunks that may wait for the engine.
const CHUNK: usize = 64 * 1024;
const AHEAD: usize = 8;

/// Everything in an archive is a multiple of this.
const BLOCK: u64 = 512;

/// The archive of `tree`, gzip-compressed if asked for.
///
/// It is the same byte for byte for the same tree: sorted, owner 0:0, time 0.
/// A file that is not what was hashed any more ends the stream with an error
/// that names it, and so the build.
pub(crate) fn stream(tree: Tree, gzip: bool) -> BoxStream<'static, io::Result<Bytes>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let out = Chunks { sender: sender.clone(), buffer: Vec::with_capacity(CHUNK) };
        let packed = if gzip {
            // Fast: it is for a network, and the engine unpacks it at once.
            pack(&tree, GzEncoder::new(out, Compression::fast())).and_then(GzEncoder::finish)
        } else {
            pack(&tree, out)
        };
        if let Err(error) = packed.and_then(|mut out| out.flush()) {
            // Nobody listens any more: the build is over, and this with it.
            let _ = sender.blocking_send(Err(error));
        }
    });
    stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    })
    .boxed()
}

/// The bytes of the plain archive, without reading a file.
pub(crate) fn length(tree: &Tree) -> u64 {
    let sizes = tree.archived().map(|(path, kind)| {
        let mut bare = kind.clone();
        let mut content = 0;
        if let Kind::File { content: from, size, .. } = &mut bare {
            content = size.next_multiple_of(BLOCK);
            (*from, *size) = (Content::Memory(Box::default()), 0);
        }
        let mut head = Builder::new(io::Cursor::new(Vec::new()));
        // Into memory, where nothing fails.
        let _ = append(&mut head, path, &bare, None);
        content + head.get_ref().position()
    });
    // Two empty blocks are the end.
    sizes.sum::<u64>() + 2 * BLOCK
}

/// Writes the whole archive to `out`.
fn pack<W: Write>(tree: &Tree, out: W) -> io::Result<W> {
    let mut builder = Builder::new(out);
    for (path, kind) in tree.archived() {
        append(&mut builder, path, kind, tree.root.as_deref())?;
    }
    builder.into_inner()
}

fn append<W: Write>(
    builder: &mut Builder<W>,
    path: &Path,
    kind: &Kind,
    root: Option<&Root>,
) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    match kind {
        Kind::Directory => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            builder.append_data(&mut header, path, io::empty())
        }
        Kind::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            // Not `append_link`: it would tidy up the target, which is data.
            link(builder, &mut header, path, target)
        }
        Kind::File { content, executable, size, hash } => {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(if *executable { 0o755 } else { 0o644 });
            header.set_size(*size);
            match content {
                Content::Memory(bytes) => builder.append_data(&mut header, path, &***bytes),
                Content::Disk(mark) => {
                    let root = root.ok_or_else(|| io::Error::other("the context has no place"))?;
                    let source = Verified::open(root, path, *size, (*hash, *mark))?;
                    builder.append_data(&mut header, path, source)
                }
            }
        }
    }
}

fn link<W: Write>(
    builder: &mut Builder<W>,
    header: &mut Header,
    path: &Path,
    target: &Path,
) -> io::Result<()> {
    if header.set_link_name_literal(path_bytes(target)).is_err() {
        // Longer than the header's field: GNU's extension, a record of its own before it.
        let name = path_bytes(target);
        let mut long = Header::new_gnu();
        long.set_entry_type(EntryType::GNULongLink);
        long.set_path("././@LongLink")?;
        long.set_mode(0o644);
        long.set_mtime(0);
        long.set_uid(0);
        long.set_gid(0);
        long.set_size(name.len() as u64 + 1);
        long.set_cksum();
        builder.append(&long, name.chain(&[0][..]))?;
    }
    builder.append_data(header, path, io::empty())
}

/// A writer whose chunks go through a channel. It blocks while the engine is behind.
struct Chunks {
    sender: mpsc::Sender<io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.sender
            .blocking_send(Ok(chunk.into()))
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the engine stopped reading"))
    }
}

#[cfg(test)]
#[path = "packing_tests.rs"]
mod packing_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::cache::Cache;
    use crate::context::walk::{self, How, Place};
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    async fn bytes(tree: Tree, gzip: bool) -> io::Result<Vec<u8>> {
        let mut stream = stream(tree, gzip);
        let mut all = Vec::new();
        while let Some(chunk) = stream.next().await {
            all.extend_from_slice(&chunk?);
        }
        Ok(all)
    }

    fn walk(dir: &Path) -> Tree {
        let place = Place { dir, dockerfile: Path::new("Dockerfile"), root: dir };
        walk::walk(place, How::Hashed(&Cache::default(), false)).unwrap()
    }

    fn context() -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("Dockerfile"), "FROM scratch\n").unwrap();
        fs_err::create_dir_all(dir.path().join("d".repeat(120))).unwrap();
        fs_err::write(dir.path().join("d".repeat(120)).join("big"), vec![7; 300_000]).unwrap();
        symlink("../".repeat(60) + "etc//x", dir.path().join("link")).unwrap();
        let tree = walk(dir.path());
        (dir, tree)
    }

    #[tokio::test]
    async fn the_same_tree_gives_the_same_bytes_and_unpacks_to_itself() {
        let (_dir, tree) = context();
        let packed = bytes(tree.clone(), false).await.unwrap();
        assert_eq!(packed, bytes(tree.clone(), false).await.unwrap());
        let out = tempfile::tempdir().unwrap();
        tar::Archive::new(&packed[..]).unpack(out.path()).unwrap();
        let again = walk(out.path());
        assert_eq!(again.fingerprint(None), tree.fingerprint(None));
        assert_eq!(length(&tree), packed.len() as u64);
    }

    #[tokio::test]
    async fn gzip_holds_the_same_archive() {
        let (_dir, tree) = context();
        let packed = bytes(tree.clone(), true).await.unwrap();
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain).unwrap();
        assert_eq!(plain, bytes(tree, false).await.unwrap());
    }

    #[tokio::test]
    async fn a_file_that_changes_ends_the_stream_by_its_name() {
        for change in [&b"FROM scratcH\n"[..], b"FROM", b"FROM scratch\n# longer\n"] {
            let (dir, tree) = context();
            fs_err::write(dir.path().join("Dockerfile"), change).unwrap();
            let error = bytes(tree, false).await.unwrap_err().to_string();
            assert!(error.ends_with("Dockerfile` changed while it was sent"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_file_that_vanishes_ends_the_stream_by_its_name() {
        let (dir, tree) = context();
        fs_err::remove_file(dir.path().join("Dockerfile")).unwrap();
        let error = bytes(tree, false).await.unwrap_err().to_string();
        assert!(error.contains("Dockerfile"), "{error}");
    }

    #[tokio::test]
    async fn a_template_is_one_file() {
        let packed = bytes(Tree::template("FROM scratch\n"), false).await.unwrap();
        let mut archive = tar::Archive::new(&packed[..]);
        let paths: Vec<PathBuf> =
            archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().into_owned()).collect();
        assert_eq!(paths, [PathBuf::from("Dockerfile")]);
    }
}
