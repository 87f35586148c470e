//! The other end of a file sync: it takes what fsutil's `Receive` takes, and no more.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use bollard_buildkit_proto::moby::filesync::v1::file_sync_client::FileSyncClient;
use futures_util::stream;
use tokio::sync::mpsc;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::{Request, Status, Streaming};

use crate::buildkit::channel::Channel;
use crate::buildkit::fake::ORIGIN;

/// Bits of a mode that say that something is no file.
const NO_FILE: u32 = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24;
const DIRECTORY: u32 = 1 << 31;

/// A file sync under way. Dropping it hangs up.
pub(super) struct Receiver {
    questions: Option<mpsc::UnboundedSender<Packet>>,
    answers: Streaming<Packet>,
}

/// When files are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// As soon as they are known.
    AtOnce,
    /// Once all are known, and the last first.
    Backwards,
}

/// What came.
#[derive(Debug, Default)]
pub(super) struct Received {
    pub(super) stats: Vec<Stat>,
    /// By their paths.
    pub(super) contents: BTreeMap<String, Vec<u8>>,
}

impl Receiver {
    /// Asks for the files of a directory.
    pub(super) async fn open(
        channel: &Channel,
        dir: &str,
        meta: &[(&str, &str)],
    ) -> Result<Self, Status> {
        let (questions, asked) = mpsc::unbounded_channel();
        let asked = stream::unfold(asked, |mut asked| async { Some((asked.recv().await?, asked)) });
        let mut request = Request::new(Box::pin(asked));
        for (key, value) in meta.iter().chain(&[("dir-name", dir)]) {
            let key: AsciiMetadataKey = key.parse().unwrap();
            // An engine sends whatever bytes it has.
            let value = AsciiMetadataValue::try_from(value.as_bytes()).unwrap();
            request.metadata_mut().append(key, value);
        }
        let origin = http::Uri::from_static(ORIGIN);
        let mut client = FileSyncClient::with_origin(channel.clone(), origin);
        let answers = client.diff_copy(request).await?.into_inner();
        Ok(Self { questions: Some(questions), answers })
    }

    /// Asks for a file.
    pub(super) fn ask(&self, id: u32) {
        self.tell(Packet { r#type: PacketType::PacketReq.into(), id, ..Packet::default() });
    }

    /// Sends nothing but this type.
    pub(super) fn say(&self, kind: PacketType) {
        self.tell(Packet { r#type: kind.into(), ..Packet::default() });
    }

    pub(super) fn tell(&self, packet: Packet) {
        // Whoever hangs up at the other end is found out by the answers.
        let _ = self.questions.as_ref().unwrap().send(packet);
    }

    /// Has no more questions.
    pub(super) fn half_close(&mut self) {
        self.questions = None;
    }

    pub(super) async fn next(&mut self) -> Result<Option<Packet>, Status> {
        self.answers.message().await
    }

    /// Takes the whole list.
    pub(super) async fn list(&mut self) -> Vec<Stat> {
        let mut stats = Vec::new();
        while let Some(stat) = self.next().await.unwrap().unwrap().stat {
            stats.push(stat);
        }
        stats
    }

    /// Takes whatever comes, to the end; what it ends with.
    pub(super) async fn end(&mut self) -> Result<(), Status> {
        while self.next().await?.is_some() {}
        Ok(())
    }
}

/// Takes the files of a directory that are `wanted`, and checks what comes and when.
pub(super) async fn receive(
    channel: &Channel,
    dir: &str,
    meta: &[(&str, &str)],
    when: When,
    wanted: impl Fn(&Stat) -> bool,
) -> Result<Received, Status> {
    let mut receiver = Receiver::open(channel, dir, meta).await?;
    let mut got = Received::default();
    let (mut later, mut open) = (Vec::new(), BTreeSet::new());
    let (mut is_listed, mut is_done) = (false, false);
    while let Some(packet) = receiver.next().await? {
        let id = packet.id;
        match (packet.r#type(), packet.stat) {
            (PacketType::PacketStat, Some(stat)) => {
                assert!(!is_listed, "`{}` comes behind the end of the list", stat.path);
                got.check(&stat);
                if stat.mode & NO_FILE == 0 && wanted(&stat) {
                    let id = u32::try_from(got.stats.len()).unwrap();
                    open.insert(id);
                    match when {
                        When::AtOnce => receiver.ask(id),
                        When::Backwards => later.push(id),
                    }
                }
                got.stats.push(stat);
            }
            (PacketType::PacketStat, None) => {
                is_listed = true;
                later.drain(..).rev().for_each(|id| receiver.ask(id));
            }
            (PacketType::PacketData, _) => {
                assert!(open.contains(&id), "{id} was not asked for, or had ended");
                let path = got.stats[id as usize].path.clone();
                got.contents.entry(path).or_default().extend_from_slice(&packet.data);
                if packet.data.is_empty() {
                    open.remove(&id);
                }
            }
            (PacketType::PacketFin, _) => {
                assert!(is_done, "it ends before everything is there");
                assert_eq!(receiver.next().await?, None);
                return Ok(got);
            }
            other => panic!("{other:?} is nothing that a sender sends"),
        }
        if is_listed && open.is_empty() && !is_done {
            is_done = true;
            receiver.say(PacketType::PacketFin);
        }
    }
    panic!("it ended without a word");
}

impl Received {
    pub(super) fn paths(&self) -> Vec<&str> {
        self.stats.iter().map(|stat| &*stat.path).collect()
    }

    /// Holds an entry against those before it.
    fn check(&self, stat: &Stat) {
        let path = &*stat.path;
        assert!(path.split('/').all(|name| !matches!(name, "" | "." | "..")), "`{path}`");
        assert_eq!((stat.uid, stat.gid), (0, 0), "`{path}`");
        if let Some(last) = self.stats.last() {
            assert_eq!(compare(&last.path, path), Ordering::Less, "`{}`, `{path}`", last.path);
        }
        if let Some((above, _)) = path.rsplit_once('/') {
            let found = self.stats.iter().rev().find(|stat| stat.path == above);
            assert!(found.is_some_and(|found| found.mode & DIRECTORY != 0), "`{path}`");
        }
    }
}

/// The order that a receiver insists on: byte by byte, and a slash in front of all others.
fn compare(one: &str, two: &str) -> Ordering {
    let differ = one.bytes().zip(two.bytes()).find(|(one, two)| one != two);
    match differ {
        Some((b'/', _)) => Ordering::Less,
        Some((_, b'/')) => Ordering::Greater,
        Some((one, two)) => one.cmp(&two),
        None => one.len().cmp(&two.len()),
    }
}
