//! How the stub engine misbehaves.

/// What the engine does instead of answering truly.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Answers this status with this message.
    Status(u16, &'static str),
    /// Says nothing until the client goes away.
    Hang,
    /// Closes the connection without an answer.
    Close,
    /// Answers truly, but for the last byte that it promised.
    LacksAByte,
    /// Sends bytes that are no HTTP, and closes.
    Garbage,
    /// Gives the connection over to another protocol, and closes it.
    Upgrade,
    /// Answers 200 and streams these lines, whatever they hold.
    Stream(Vec<Vec<u8>>, End),
    /// Answers 200 and streams this line so many times, and then no more. It ends with a bare
    /// line feed, as Podman has it: where the two characters of others come apart, the client
    /// library reads on byte by byte. `#N#` in it becomes its number, from 0.
    Flood(Vec<u8>, usize),
}

/// How a stream of lines ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// Properly.
    Clean,
    /// In the middle of a chunk.
    Cut,
    /// Not before the client goes away.
    Never,
}
