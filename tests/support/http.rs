//! HTTP/1.1 as far as a registry and an engine speak it: requests are read
//! whole, answers are written by hand, so that a test can also write wrong ones.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde_json::Value;

/// A request, body and all.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query as sent.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads one; `None` where the client closed the connection instead.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some(mut request) = Self::read_head(from)? else { return Ok(None) };
        request.read_rest(from)?;
        Ok(Some(request))
    }

    /// Reads what stands before the body.
    pub(crate) fn read_head(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let first = read_line(from)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: read_headers(from)?,
            body: Vec::new(),
        }))
    }

    /// Reads the body.
    pub(crate) fn read_rest(&mut self, from: &mut impl BufRead) -> io::Result<()> {
        self.body = read_body(from, &self.headers, Some(0))?;
        Ok(())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, decoded.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?')?.1;
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| decode(value)).next()
    }

    /// What rules match on: `GET /v2/a/b/manifests/latest`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into() }
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::new(status, "application/json", value.to_string())
    }

    #[must_use]
    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// Status line and headers, with the true length of the body.
    pub(crate) fn write_head(&self, to: &mut impl Write) -> io::Result<()> {
        write!(to, "HTTP/1.1 {} Scripted\r\n", self.status)?;
        for (name, value) in &self.headers {
            write!(to, "{name}: {value}\r\n")?;
        }
        write!(to, "Content-Length: {}\r\n\r\n", self.body.len())
    }

    pub(crate) fn write(&self, to: &mut impl Write, with_body: bool) -> io::Result<()> {
        self.write_head(to)?;
        if with_body {
            to.write_all(&self.body)?;
        }
        to.flush()
    }
}

/// Sends one request as a client and reads the answer; status 0 stands for none.
pub(crate) fn call(
    stream: impl Read + Write,
    method: &str,
    target: &str,
    body: &[u8],
) -> io::Result<Response> {
    call_with(stream, method, target, &[], body)
}

/// The same with headers.
pub(crate) fn call_with(
    stream: impl Read + Write,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Response> {
    let mut stream = BufReader::new(stream);
    let to = stream.get_mut();
    write!(to, "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n")?;
    for (name, value) in headers {
        write!(to, "{name}: {value}\r\n")?;
    }
    write!(to, "Content-Length: {}\r\n\r\n", body.len())?;
    to.write_all(body)?;
    let first = read_line(&mut stream)?;
    let status = first.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let headers = read_headers(&mut stream)?;
    let bodiless = method == "HEAD" || matches!(status, 204 | 304);
    let body = if bodiless { Vec::new() } else { read_body(&mut stream, &headers, None)? };
    Ok(Response { status, headers, body })
}

/// `%2F` and `+` as what they mean.
pub(crate) fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex: Vec<u8> = bytes.by_ref().take(2).collect();
                let hex = String::from_utf8_lossy(&hex).into_owned();
                out.push(u8::from_str_radix(&hex, 16).unwrap_or(b'%'));
            }
            other => out.push(other),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn read_headers(from: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(from)?;
        let Some((name, value)) = line.split_once(':') else { return Ok(headers) };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
}

/// `otherwise`: how long the body is where the headers don't say; `None`: to the end.
fn read_body(
    from: &mut impl BufRead,
    headers: &[(String, String)],
    otherwise: Option<usize>,
) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if find(headers, "transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        loop {
            let size = read_line(from)?;
            let size = size.split(';').next().unwrap_or_default();
            let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
            from.by_ref().take(size).read_to_end(&mut body)?;
            read_line(from)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = find(headers, "content-length").and_then(|n| n.parse().ok()).or(otherwise);
    match length {
        Some(length) => from.by_ref().take(length as u64).read_to_end(&mut body)?,
        None => from.read_to_end(&mut body)?,
    };
    Ok(body)
}
