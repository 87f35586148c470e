//! What the bars show at one moment, as lines that fit the terminal.

use std::time::{Duration, Instant};

use super::Size;
use crate::render::board::{Board, Image, Layer, Phase};
use crate::render::fit::{Piece, Tail, clean, line, pad, with_tail};
use crate::render::look::{Look, Tone};
use crate::render::say::seconds;
use crate::render::steps::{LOG_LINES, Step, step_end, step_words};
use crate::words::event::{LayerState, StepProgress, StepState};
use crate::words::text::{bytes, count, elapsed};

/// At most so many layers of one image are shown at once.
const MAX_LAYERS: usize = 8;

/// At most so many steps of one build are shown at once.
const MAX_STEPS: usize = 8;

/// Beyond so many columns nothing becomes clearer, and the eye has far to go.
const MAX_COLUMNS: usize = 100;

/// A terminal shows the `^C` of an interrupt where the cursor stands, behind the last
/// line. Without room for it there would be a line more than were drawn.
const ECHO: usize = "^C".len();

/// A step that began so long after its build has a time of its own.
const WORTH_TELLING_APART: Duration = Duration::from_secs(1);

/// Below so many columns an image is one line.
const MIN_COLUMNS: usize = 38;

/// The lines for all images that are being worked on.
pub(super) fn frame(
    board: &Board,
    size: Size,
    look: Look,
    moment: usize,
    now: Instant,
) -> Vec<String> {
    let columns = usize::from(size.columns).saturating_sub(ECHO).min(MAX_COLUMNS);
    // One line stays free for the shell's prompt and for what scrolls past.
    let room = usize::from(size.rows).saturating_sub(1).max(1);
    let images = board.images();
    let hidden = if images.len() > room { images.len() - room + 1 } else { 0 };
    let shown = &images[..images.len() - hidden];
    let mut spare = room - shown.len() - usize::from(hidden > 0);
    let mut lines = Vec::new();
    for image in shown {
        lines.push(header(image, columns, look, moment, now));
        if columns >= MIN_COLUMNS {
            let below = below(image, spare, columns, look, now);
            spare -= below.len();
            lines.extend(below);
        }
    }
    if hidden > 0 {
        let more = format!("and {}", count(hidden, "more image", "more images"));
        lines.push(line(&[(Tone::Dim, more)], columns, look));
    }
    lines
}

/// `⠹ tool  pulling acme/tool:1 from ghcr.io   12.3 MB of 120.0 MB  4.2 MB/s`.
fn header(image: &Image, columns: usize, look: Look, moment: usize, now: Instant) -> String {
    let narrow = columns < MIN_COLUMNS;
    let doing = if narrow { image.doing_short(now) } else { image.doing(now) };
    let pieces = [
        (Tone::Good, format!("{} ", look.spinner(moment))),
        (Tone::Strong, clean(&image.id)),
        (Tone::Plain, format!("  {}", clean(&doing))),
    ];
    with_tail(&pieces, &tails(image, narrow, now), Tail::Edge, columns, look)
}

/// How far an image is, in long and in short.
fn tails(image: &Image, narrow: bool, now: Instant) -> Vec<String> {
    let (received, total) = (image.received(), image.total());
    let builds = matches!(image.phase, Phase::Steps);
    // The bytes of a base say nothing once the build goes on.
    let counts = total > 0 && (!builds || image.is_loading());
    if matches!(image.phase, Phase::Waiting { .. }) || narrow && !counts {
        return Vec::new();
    }
    if !counts {
        return time_tails(image, now);
    }
    let mut tails = Vec::new();
    let so_far = format!("{} of {}", bytes(received), bytes(total));
    if received < total && image.per_second() > 0 {
        tails.push(format!("{so_far}  {}/s", bytes(image.per_second())));
    }
    tails.push(so_far);
    tails.push(format!("{}%", u128::from(received) * 100 / u128::from(total)));
    tails
}

/// How long an image takes so far, and before that how long the only step that runs does.
fn time_tails(image: &Image, now: Instant) -> Vec<String> {
    let all = now.saturating_duration_since(image.begun);
    let only = match image.steps.shown(now)[..] {
        [step] if matches!(image.phase, Phase::Steps) => Some(step.time(now)),
        _ => None,
    };
    let apart = only.filter(|step| all.saturating_sub(*step) >= WORTH_TELLING_APART);
    let both = apart.map(|step| format!("{}, {} in all", elapsed(step), elapsed(all)));
    both.into_iter().chain([elapsed(all)]).collect()
}

/// The lines under an image: the steps that run if there are several, its layers, and what
/// its build printed last, as far as the others leave room for that.
fn below(image: &Image, spare: usize, columns: usize, look: Look, now: Instant) -> Vec<String> {
    let builds = matches!(image.phase, Phase::Steps);
    let shown = if builds { image.steps.shown(now) } else { Vec::new() };
    let (fitting, more) = steps_that_fit(shown.len(), spare.min(MAX_STEPS));
    let layers = layers(image, spare - fitting - usize::from(more > 0), columns, look);
    let mut room = spare - fitting - usize::from(more > 0) - layers.len();
    let printed =
        |indent: &str, log: &str| line(&[(Tone::Dim, format!("{indent}{log}"))], columns, look);
    let mut lines = Vec::new();
    for one in &shown[..fitting] {
        lines.push(step(image, one, columns, look, now));
        if let Some(log) = one.log.back().filter(|_| room > 0) {
            room -= 1;
            lines.push(printed("      ", log));
        }
    }
    if more > 0 {
        let rest = count(more, "more step", "more steps");
        lines.push(line(&[(Tone::Dim, format!("    and {rest}"))], columns, look));
    }
    if let [only] = shown[..]
        && layers.is_empty()
    {
        let from = only.log.len().saturating_sub(room.min(LOG_LINES));
        lines.extend(only.log.iter().skip(from).map(|log| printed("    ", log)));
    }
    lines.extend(layers);
    if let Some(log) = image.log.as_ref().filter(|_| lines.is_empty() && spare > 0) {
        lines.push(printed("    ", log));
    }
    lines
}

/// How many of several steps are shown in so many lines, and how many are counted in a
/// line below them. The only one is in the header.
fn steps_that_fit(steps: usize, room: usize) -> (usize, usize) {
    match room {
        _ if steps < 2 => (0, 0),
        0 | 1 => (0, 0),
        room if steps > room => (room - 1, steps - room + 1),
        _ => (steps, 0),
    }
}

/// `    [2/3] RUN make                     3.2s`, one of several steps.
fn step(image: &Image, step: &Step, columns: usize, look: Look, now: Instant) -> String {
    let words = clean(&image.steps.words(step));
    let pieces = [(Tone::Plain, format!("    {words}"))];
    with_tail(&pieces, &[elapsed(step.time(now))], Tail::Edge, columns, look)
}

fn layers(image: &Image, spare: usize, columns: usize, look: Look) -> Vec<String> {
    let open: Vec<&Layer> = image.layers.iter().filter(|layer| !layer.is_done()).collect();
    let mut room = spare.min(MAX_LAYERS);
    let more = open.len() > room;
    room -= usize::from(more && room > 0);
    if room == 0 {
        return Vec::new();
    }
    // Those at work go first, but all keep the order of the image, so that a bar
    // does not jump when its neighbour changes its state.
    let mut ranked: Vec<usize> = (0..open.len()).collect();
    ranked.sort_by_key(|at| match open[*at].state {
        _ if open[*at].retry.is_some() => 0,
        LayerState::Downloading | LayerState::Extracting => 0,
        LayerState::Downloaded => 1,
        _ => 2,
    });
    ranked.truncate(room);
    ranked.sort_unstable();
    let mut lines: Vec<String> =
        ranked.iter().map(|at| line(&layer(open[*at], columns, look), columns, look)).collect();
    if more {
        let rest = count(open.len() - lines.len(), "more layer", "more layers");
        lines.push(line(&[(Tone::Dim, format!("    and {rest}"))], columns, look));
    }
    lines
}

/// `    0a0a0a0a0a0a  ━━━━━━━──────  downloading  12.3 MB of 40.0 MB`.
fn layer(layer: &Layer, columns: usize, look: Look) -> Vec<Piece> {
    let mut pieces = vec![(Tone::Plain, "    ".to_owned())];
    // Indent, id, state and bytes take 4 + 14 + 13 + 20 columns; the bar has the rest.
    let roomy = columns >= 62;
    if roomy {
        pieces.push((Tone::Dim, format!("{}  ", pad(&clean(&layer.id), 12))));
    }
    let bar = if roomy { (columns - 53).min(30) } else { 10 };
    let current = match layer.state {
        LayerState::Extracting => layer.unpacked,
        _ => layer.received,
    };
    let (full, rest) = look.bar(current, layer.total, bar);
    let tone = if layer.state == LayerState::Extracting { Tone::Good } else { Tone::Plain };
    pieces.push((tone, full));
    pieces.push((Tone::Dim, format!("{rest}  ")));
    pieces.push((Tone::Plain, pad(&state(layer), 13)));
    if layer.total > 0 {
        let total = bytes(layer.total);
        let text = if current < layer.total && layer.state != LayerState::Downloaded {
            format!("{} of {total}", bytes(current))
        } else {
            total
        };
        pieces.push((Tone::Dim, text));
    } else if current > 0 {
        pieces.push((Tone::Dim, bytes(current)));
    }
    pieces
}

/// Where a layer is, in at most 12 columns.
fn state(layer: &Layer) -> String {
    match (layer.retry, layer.state) {
        (Some(seconds), _) => format!("retry in {seconds}s"),
        (None, LayerState::Requested | LayerState::Waiting) => "waiting".to_owned(),
        (None, LayerState::Downloading) => "downloading".to_owned(),
        (None, LayerState::Downloaded) => "downloaded".to_owned(),
        (None, LayerState::Extracting) => "unpacking".to_owned(),
        (None, LayerState::Done | LayerState::Present) => "done".to_owned(),
    }
}

/// How an image ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'a> {
    /// Its id in the manifest.
    pub(super) id: &'a str,
    /// `done`, `failed`, `skipped` or `cancelled`.
    pub(super) outcome: &'a str,
    /// Source and digest, or the failure.
    pub(super) detail: &'a str,
    /// Compressed bytes that arrived.
    pub(super) received: u64,
    /// How long it took.
    pub(super) millis: u64,
}

/// The line that an image leaves: `✓ tool  pulled from ghcr.io  21.0 MB  0.8s`.
///
/// Success is cut to one line, since the report has it in full. A failure is not:
/// the terminal may wrap it.
pub(super) fn ended(end: End<'_>, size: Size, look: Look) -> String {
    let (tone, glyph, words) = match (end.outcome, end.detail) {
        ("done", "") => (Tone::Good, look.good(), "done".to_owned()),
        ("done", detail) => (Tone::Good, look.good(), detail.to_owned()),
        ("failed", detail) => (Tone::Bad, look.bad(), format!("failed: {detail}")),
        (outcome, "") => (Tone::Dim, "-", outcome.to_owned()),
        (outcome, detail) => (Tone::Dim, "-", format!("{outcome}: {detail}")),
    };
    let pieces = [
        (tone, format!("{glyph} ")),
        (Tone::Strong, clean(end.id)),
        (Tone::Plain, format!("  {}", clean(&words))),
    ];
    if end.outcome != "done" {
        return line(&pieces, usize::MAX, look);
    }
    let time = seconds(end.millis);
    let tails = [format!("{}  {time}", bytes(end.received)), time];
    let tails = if end.received > 0 { &tails[..] } else { &tails[1..] };
    with_tail(&pieces, tails, Tail::Near, usize::from(size.columns), look)
}

/// The line that a step of a build leaves: `tool: [2/3] RUN make  3.2s`.
pub(super) fn step_ended(id: &str, step: &StepProgress, size: Size, look: Look) -> Option<String> {
    let end = step_end(step)?;
    let end = match (step.state, step.millis) {
        (StepState::Done, Some(millis)) => seconds(millis),
        _ => end,
    };
    let pieces = [(Tone::Dim, format!("{}: {}", clean(id), clean(&step_words(step))))];
    Some(with_tail(&pieces, &[end], Tail::Near, usize::from(size.columns), look))
}
