//! The one typed error of everything that concerns the engine.

use std::error::Error as StdError;
use std::fmt;

use crate::words::code::Code;
use crate::words::failure::FailureClass;

/// A failure of the engine, or of something that it did for us.
///
/// [`Display`](fmt::Display) is a lower-case fragment that stands alone; the
/// cause chain is in [`source`](StdError::source), what to do about it in
/// [`hint`](EngineError::hint). Foreign text in it is sanitised already.
#[derive(Debug)]
pub struct EngineError {
    /// What was being done when it failed.
    pub kind: EngineErrorKind,
    /// What kind of failure it was, seen from what to do next.
    pub class: FailureClass,
    /// What it is about: an endpoint, a reference, an image's name.
    pub subject: String,
    /// What happened, in the engine's or occ's words.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The cause below, where there is one.
    pub source: Option<Box<dyn StdError + Send + Sync + 'static>>,
}

/// What failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// Nothing listens where the engine should.
    NotRunning,
    /// There is no socket where the engine should listen.
    SocketNotFound,
    /// The user may not use the socket.
    PermissionDenied,
    /// The connection failed, broke, or spoke something else than the engine's API.
    Connection,
    /// No answer in time.
    Timeout,
    /// A build.
    Build,
    /// A pull, or a question to a registry.
    Pull,
    /// The signature of an image.
    Signature,
    /// Anything else about an image: inspecting it, naming it.
    Image,
    /// A container.
    Container,
    /// A volume.
    Volume,
    /// What was given for the endpoint's address is none.
    Address,
    /// The endpoint's context or its certificates can't be used.
    Endpoint,
}

impl EngineErrorKind {
    /// The start of a message about it: "cannot pull", …
    pub(crate) const fn doing(self) -> &'static str {
        match self {
            Self::NotRunning | Self::SocketNotFound => "no container engine at",
            Self::PermissionDenied => "no permission to use the container engine at",
            Self::Connection => "no connection to the container engine at",
            Self::Timeout => "no answer in time about",
            Self::Build => "cannot build",
            Self::Pull => "cannot pull",
            Self::Signature => "cannot verify",
            Self::Image => "cannot use image",
            Self::Container => "cannot use container",
            Self::Volume => "cannot use volume",
            Self::Address | Self::Endpoint => "cannot use the engine endpoint",
        }
    }
}

impl EngineError {
    /// An error without cause and hint.
    pub(crate) fn new(
        kind: EngineErrorKind,
        class: FailureClass,
        subject: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            class,
            subject: subject.into(),
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What `occ explain` knows it by. Of an engine that can't be used, what failed says
    /// more than the class does.
    pub fn code(&self) -> Code {
        match self.kind {
            EngineErrorKind::NotRunning | EngineErrorKind::SocketNotFound => Code::NoEngine,
            EngineErrorKind::PermissionDenied => Code::EnginePermission,
            EngineErrorKind::Address | EngineErrorKind::Endpoint => Code::EngineAddress,
            _ => self.class.code(),
        }
    }

    /// What to do about it, where something can be said.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`: {}", self.kind.doing(), self.subject, self.message)
    }
}

impl StdError for EngineError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
