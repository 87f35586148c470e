//! Sends files as fsutil's `Send` does, which is what a builder's file sync receives: first
//! what there is, then, while that still goes on, the bytes of whatever it asks for.

use std::error::Error;
use std::io::{self, Read};
use std::sync::mpsc as blocking;
use std::sync::{Arc, Mutex, PoisonError};

use bollard_buildkit_proto::fsutil::types::packet::PacketType;
use bollard_buildkit_proto::fsutil::types::{Packet, Stat};
use futures_util::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use crate::buildkit::faults::Faults;
use crate::buildkit::filter::{Wanted, select};
use crate::engine::{FileKind, Files};

/// Bytes of a file in one packet. A builder takes no message of 4 MiB, and more than this
/// is no faster.
const CHUNK: usize = 64 * 1024;

/// Bytes of packets that are handed on together, and parcels of them that may wait for the
/// builder: all that is in memory at once. To hand on each small file by itself costs more
/// than to read it.
const PARCEL: usize = CHUNK;
const AHEAD: usize = 4;

/// Bytes that a packet takes beside what is in it, about.
const PACKET: usize = 512;

/// Threads that read files.
const READERS: usize = 2;

/// Bits of Go's `FileMode`, which is what travels.
const DIRECTORY: u32 = 1 << 31;
const LINK: u32 = 1 << 27;

type Item = Result<Packet, Status>;

/// What is sent for a request for files.
struct Sender {
    files: Arc<dyn Files>,
    /// The entries that are sent, by their ids.
    selected: Arc<[u32]>,
    packets: mpsc::Sender<Vec<Item>>,
    faults: Faults,
}

/// Answers a request for files.
pub(super) fn send(
    files: Arc<dyn Files>,
    wanted: &Wanted,
    questions: Streaming<Packet>,
    faults: Faults,
) -> BoxStream<'static, Item> {
    let (packets, answers) = mpsc::channel(AHEAD);
    let selected: Arc<[u32]> = select(&*files, wanted).into();
    // It has no part in the channel, whose end is the end of the answer.
    let list = stream::iter(list(Arc::clone(&files), Arc::clone(&selected))).map(Ok);
    let sender = Arc::new(Sender { files, selected, packets, faults });
    tokio::spawn(answer(sender, questions));
    let parcels =
        stream::unfold(answers, |mut answers| async { Some((answers.recv().await?, answers)) });
    stream::select(list, parcels.flat_map(stream::iter)).boxed()
}

/// What there is, and at last that there is no more. Each is made when it is sent.
fn list(files: Arc<dyn Files>, selected: Arc<[u32]>) -> impl Iterator<Item = Packet> {
    let stats = (0..=selected.len()).map(move |id| {
        let at = selected.get(id);
        at.map(|at| stat(&*files, *at as usize))
    });
    stats.map(|stat| Packet { stat, ..of_type(PacketType::PacketStat) })
}

/// Reads what the builder asks for until it has everything.
async fn answer(sender: Arc<Sender>, mut questions: Streaming<Packet>) {
    // Its end ends the readers.
    let mut readers: Option<blocking::Sender<u32>> = None;
    let mut asked = vec![false; sender.selected.len()];
    loop {
        let packet = tokio::select! {
            packet = questions.message() => packet,
            // Nobody takes answers any more, so no question matters.
            () = sender.packets.closed() => return,
        };
        let packet = match packet {
            Ok(Some(packet)) => packet,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "the builder stopped asking for files");
                return;
            }
        };
        match packet.r#type() {
            PacketType::PacketReq
                if sender.may_send(packet.id)
                    && !std::mem::replace(&mut asked[packet.id as usize], true) =>
            {
                let queue = readers.get_or_insert_with(|| sender.read());
                if queue.send(packet.id).is_err() {
                    return;
                }
            }
            PacketType::PacketReq => {
                let told = format!("there is no file {} to send", packet.id);
                let _ = sender.packets.send(vec![Err(Status::invalid_argument(told))]).await;
                return;
            }
            PacketType::PacketFin => {
                let _ = sender.packets.send(vec![Ok(of_type(PacketType::PacketFin))]).await;
                return;
            }
            PacketType::PacketErr => {
                tracing::debug!(text = %String::from_utf8_lossy(&packet.data), "the builder");
                return;
            }
            PacketType::PacketStat | PacketType::PacketData => {}
        }
    }
}

impl Sender {
    /// Whether there is a file with this id.
    fn may_send(&self, id: u32) -> bool {
        self.file(id).is_some()
    }

    fn file(&self, id: u32) -> Option<usize> {
        let at = *self.selected.get(id as usize)? as usize;
        matches!(self.files.entry(at).kind, FileKind::File { .. }).then_some(at)
    }

    /// Starts the threads that send the bytes of files; what comes out takes their ids.
    fn read(self: &Arc<Self>) -> blocking::Sender<u32> {
        let (queue, ids) = blocking::channel();
        let ids = Arc::new(Mutex::new(ids));
        for _ in 0..READERS {
            let (sender, ids) = (Arc::clone(self), Arc::clone(&ids));
            tokio::task::spawn_blocking(move || {
                let mut parcel = Parcel::new(&sender.packets);
                loop {
                    let mut id = ids.try_lock().ok().and_then(|ids| ids.try_recv().ok());
                    // Nothing to do for now, or another one waits for it: nobody has to wait
                    // for what was read already.
                    if id.is_none() {
                        if parcel.hand_on().is_err() {
                            return;
                        }
                        id = ids.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
                    }
                    let Some(id) = id else { return };
                    if sender.send_file(id, &mut parcel).is_err() {
                        return;
                    }
                }
            });
        }
        queue
    }

    /// Sends the bytes of a file, and that there are no more.
    fn send_file(&self, id: u32, parcel: &mut Parcel<'_>) -> Result<(), Gone> {
        let mut send = |data| {
            parcel
                .add(Ok(Packet { id, data, ..of_type(PacketType::PacketData) }))
                .map_err(io::Error::other)
        };
        let read = (|| {
            let at = self.file(id).ok_or(io::ErrorKind::NotFound)?;
            let mut file = self.files.open(at)?;
            let mut left = match self.files.entry(at).kind {
                FileKind::File { size, .. } => usize::try_from(size).unwrap_or(usize::MAX),
                _ => 0,
            };
            loop {
                // Room for what is left and no more, which many times is little.
                let mut data = Vec::with_capacity(left.min(CHUNK));
                (&mut file).take(CHUNK as u64).read_to_end(&mut data)?;
                left = left.saturating_sub(data.len());
                let is_end = data.is_empty();
                send(data)?;
                if is_end {
                    return Ok(());
                }
            }
        })();
        read.or_else(|error: io::Error| {
            if error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<Gone>) {
                return Err(Gone);
            }
            let told = error.to_string();
            self.faults.tell(&told);
            // An error of the stream, so that the build fails: a file that was sent half, or
            // as nothing, must not get into an image.
            parcel.add(Err(Status::aborted(told)))?;
            parcel.hand_on()?;
            Err(Gone)
        })
    }
}

/// Nobody takes the packets any more.
#[derive(Debug, thiserror::Error)]
#[error("the builder stopped reading")]
struct Gone;

/// Packets that are handed on together.
struct Parcel<'a> {
    to: &'a mpsc::Sender<Vec<Item>>,
    packets: Vec<Item>,
    bytes: usize,
}

impl<'a> Parcel<'a> {
    fn new(to: &'a mpsc::Sender<Vec<Item>>) -> Self {
        Self { to, packets: Vec::new(), bytes: 0 }
    }

    /// Adds a packet, and hands all of them on if they are many bytes. It blocks while the
    /// builder is behind.
    fn add(&mut self, item: Item) -> Result<(), Gone> {
        self.bytes += PACKET + item.as_ref().map_or(0, |packet| packet.data.len());
        self.packets.push(item);
        if self.bytes < PARCEL { Ok(()) } else { self.hand_on() }
    }

    fn hand_on(&mut self) -> Result<(), Gone> {
        self.bytes = 0;
        let packets = std::mem::take(&mut self.packets);
        if packets.is_empty() {
            return Ok(());
        }
        self.to.blocking_send(packets).map_err(|_| Gone)
    }
}

fn of_type(kind: PacketType) -> Packet {
    Packet { r#type: kind.into(), ..Packet::default() }
}

/// What is told of an entry. Owner, time and mode are not the file's but the same for all
/// that have the same content; the version, in nanoseconds, tells the builder what changed.
fn stat(files: &dyn Files, at: usize) -> Stat {
    let entry = files.entry(at);
    let path = entry.path.to_owned();
    match entry.kind {
        FileKind::Directory => Stat { path, mode: DIRECTORY | 0o755, ..Stat::default() },
        FileKind::Link(target) => {
            let size = i64::try_from(target.len()).unwrap_or_default();
            Stat { path, mode: LINK | 0o777, size, linkname: target.to_owned(), ..Stat::default() }
        }
        FileKind::File { size, executable, version } => Stat {
            path,
            mode: if executable { 0o755 } else { 0o644 },
            size: i64::try_from(size).unwrap_or(i64::MAX),
            mod_time: i64::from(version),
            ..Stat::default()
        },
    }
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
