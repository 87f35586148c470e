//! `occ trust`: consent to what the manifest asks for, from now on. Contacts nobody.

use crate::cli::args::TrustArgs;
use crate::cli::consent::nowhere_to_keep;
use crate::cli::find::{load_from, locate};
use crate::cli::settings::Settings;
use crate::cli::trusted::Trusted;
use crate::cli::{Done, Stop, show};
use crate::render::consent;
use crate::render::sections::{Granted, Sections};
use crate::state::consent::{Reach, asks};
use crate::words::diagnostic::Diagnostic;
use crate::words::exit::ExitStatus;
use crate::words::grant::Ask;
use crate::words::text::foreign_line;

pub(super) fn run(settings: &Settings, args: &TrustArgs) -> Result<Done, Stop> {
    let missing = |missing: Box<Diagnostic>| Stop::input(ExitStatus::Data, *missing);
    let place = locate(settings).map_err(missing)?;
    let trusted = Trusted::of(settings, &place).ok_or_else(nowhere_to_keep)?;
    if args.revoke {
        // The manifest need not be right for that, nor be there.
        return revoke(settings, &trusted);
    }
    let parsed = load_from(&place).map_err(missing)?;
    show(&parsed.diagnostics, &parsed.text, settings);
    let Some(desired) = parsed.desired else {
        return Ok(Done::with_text(ExitStatus::Data, String::new()));
    };
    let asks = asks(&desired.images, Reach::Build);
    if !args.show {
        trusted.change(|_| asks.iter().map(|ask| ask.grant.to_string()).collect())?;
    }
    let kept = trusted.grants()?;
    let grants = granted(&asks, &kept);
    let (manifest, out) = (foreign_line(trusted.manifest()), settings.out);
    let text = if args.show {
        let shown = consent::kept(&kept, &asks, out);
        if shown.is_empty() { nothing(&manifest) } else { format!("`{manifest}`:\n{shown}") }
    } else if asks.is_empty() {
        nothing(&manifest)
    } else {
        let (asks, file) = (consent::asks(&asks, out), trusted.file());
        let file = foreign_line(&file.to_string_lossy());
        let hint = "`occ trust --revoke` takes it back";
        format!("from now on `{manifest}` may:\n{asks}kept in `{file}`; {hint}\n")
    };
    Ok(done(settings, text, grants))
}

fn nothing(manifest: &str) -> String {
    format!("`{manifest}` asks for nothing that needs consent\n")
}

/// What is asked for, and what is kept beside that.
fn granted(asks: &[&Ask], kept: &[String]) -> Vec<Granted> {
    let mut grants: Vec<Granted> = Vec::new();
    for ask in asks {
        let grant = ask.grant.to_string();
        let (allowed, line) = (kept.contains(&grant), Some(ask.at.line));
        grants.push(Granted { grant, allowed, line, key: Some(ask.at.key_path.clone()) });
    }
    let asked = |grant: &&String| asks.iter().any(|ask| ask.grant.to_string() == **grant);
    for grant in kept.iter().filter(|grant| !asked(grant)) {
        grants.push(Granted { grant: grant.clone(), allowed: true, line: None, key: None });
    }
    grants
}

fn revoke(settings: &Settings, trusted: &Trusted) -> Result<Done, Stop> {
    let had = !trusted.grants()?.is_empty();
    if had {
        trusted.change(|_| Vec::new())?;
    }
    let longer = if had { "is no longer" } else { "was not" };
    let text = format!("`{}` {longer} allowed anything\n", foreign_line(trusted.manifest()));
    Ok(done(settings, text, Vec::new()))
}

fn done(settings: &Settings, text: String, grants: Vec<Granted>) -> Done {
    let text = if settings.quiet { String::new() } else { text };
    Done::with_text(ExitStatus::Success, text)
        .with(Sections { grants: Some(grants), ..Sections::default() })
}
