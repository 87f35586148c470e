//! The manual pages in `docs/man`, made from the help texts. For those who package occ.

use std::path::Path;

use clap_mangen::Man;

use crate::cli::args;

/// The pages by their names: one for occ, one for each command.
fn pages() -> Vec<(String, String)> {
    let mut occ = args::command();
    occ.build();
    let mut commands = vec![occ.clone()];
    commands.extend(occ.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
    let page = |command: clap::Command| {
        let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
        let mut page = Vec::new();
        // The version of occ changes more often than what a page says.
        Man::new(command.version(None).disable_version_flag(true).long_version(None))
            .source("occ")
            .manual("occ")
            .render(&mut page)
            .unwrap();
        (format!("{name}.1"), String::from_utf8(page).unwrap())
    };
    commands.into_iter().map(page).collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it asks whether to write the pages")]
fn the_pages_say_what_the_help_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man");
    let pages = pages();
    if std::env::var_os("OCC_UPDATE").is_some() {
        fs_err::create_dir_all(&folder).unwrap();
        for (name, page) in &pages {
            fs_err::write(folder.join(name), page).unwrap();
        }
    }
    for (name, page) in &pages {
        let held = fs_err::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(held == *page, "docs/man/{name} is old: OCC_UPDATE=1 makes it anew");
        assert!(page.contains(".SH SYNOPSIS") && page.contains(".SH DESCRIPTION"), "{name}");
    }
    assert_eq!(fs_err::read_dir(&folder).unwrap().count(), pages.len(), "one is left over");
}
