use super::*;

fn layer(id: &str, state: LayerState, current: u64, total: u64) -> Event {
    Event::Layer { image: "tool".into(), layer: id.into(), state, current, total }
}

fn started() -> Event {
    Event::Started { image: "tool".into(), action: "pull", reference: "acme/tool:1".into() }
}

fn resolved(source: &str) -> Event {
    Event::Resolved { image: "tool".into(), source: source.into(), digest: None }
}

fn board(events: &[Event]) -> (Board, Instant) {
    let now = Instant::now();
    let mut board = Board::default();
    for event in events {
        board.event(event, now);
    }
    (board, now)
}

#[test]
fn bytes_are_counted_once_through_all_states() {
    use LayerState::{Done, Downloaded, Downloading, Extracting, Present, Waiting};
    let mut events = vec![started(), resolved("ghcr.io/acme/tool:1")];
    events.extend([layer("a", Waiting, 0, 0), layer("b", Present, 0, 0)]);
    events.push(layer("a", Downloading, 40, 100));
    let (board, now) = board(&events);
    let image = board.get("tool").unwrap();
    assert_eq!((image.received(), image.total()), (40, 100));
    assert_eq!(image.doing(now), "pulling acme/tool:1 from ghcr.io");
    assert_eq!(image.layers_done().unwrap(), "1 of 2 layers");

    let mut board = board;
    board.event(&layer("a", Downloaded, 0, 0), now);
    assert_eq!(board.get("tool").unwrap().received(), 100);
    board.event(&layer("a", Extracting, 30, 100), now);
    let image = board.get("tool").unwrap();
    assert_eq!((image.received(), image.layers[0].unpacked), (100, 30));
    assert_eq!(image.doing(now), "unpacking acme/tool:1 from ghcr.io");
    board.event(&layer("a", Done, 0, 0), now);
    let image = board.remove("tool").unwrap();
    assert_eq!((image.received(), image.layers_done()), (100, None));
    assert!(board.images().is_empty());
}

#[test]
fn another_source_starts_from_nothing() {
    let (mut board, now) = board(&[
        started(),
        resolved("ghcr.io/acme/tool:1"),
        layer("a", LayerState::Downloading, 40, 100),
    ]);
    let failed = |source: &str| Event::SourceFailed {
        image: "tool".into(),
        source: source.into(),
        class: crate::words::failure::FailureClass::Network,
        code: crate::words::code::Code::Network,
        message: String::new(),
        next: None,
    };
    board.event(&failed("docker.io/acme/tool:1"), now);
    assert_eq!(board.get("tool").unwrap().received(), 40);
    board.event(&failed("ghcr.io/acme/tool:1"), now);
    assert_eq!(board.get("tool").unwrap().received(), 0);
    let wait = Event::Waiting { image: "tool".into(), round: 2, of: 3, millis: 1500 };
    board.event(&wait, now);
    let later = now + Duration::from_millis(500);
    let doing = board.get("tool").unwrap().doing(later);
    assert_eq!(doing, "waiting, round 2 of 3 in 1.0s");
}

#[test]
fn rates_are_those_of_the_last_seconds() {
    let (mut board, start) = board(&[started(), resolved("ghcr.io/acme/tool:1")]);
    let mut rates = Vec::new();
    for tenth in 0..100_u32 {
        let now = start + Duration::from_millis(100) * tenth;
        let current = u64::from(tenth.min(50)) * 1000;
        board.event(&layer("a", LayerState::Downloading, current, 100_000), now);
        board.sample(now);
        rates.push(board.get("tool").unwrap().per_second());
    }
    assert_eq!(rates[3], 0, "too early to tell");
    assert_eq!(rates[40], 10_000);
    assert_eq!(rates[99], 0, "nothing came for as long as the window");
}

#[test]
fn a_retry_by_the_engine_ends_with_the_next_byte() {
    let (mut board, now) = board(&[started(), layer("a", LayerState::Downloading, 40, 100)]);
    let retry = Event::LayerRetry { image: "tool".into(), layer: "a".into(), seconds: 5 };
    board.event(&retry, now);
    assert_eq!(board.get("tool").unwrap().layers[0].retry, Some(5));
    board.event(&layer("a", LayerState::Downloading, 0, 100), now);
    let image = board.get("tool").unwrap();
    assert_eq!((image.layers[0].retry, image.received()), (None, 0));
}
