//! `occ sync`: makes the engine hold what the manifest declares.

use std::cell::OnceCell;
use std::mem;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::time::timeout;

use crate::cli::args::SyncArgs;
use crate::cli::github::Github;
use crate::cli::job::{Asked, Job};
use crate::cli::runtime::{block_on, cut_short, reason};
use crate::cli::settings::Settings;
use crate::cli::signal::Ended;
use crate::cli::{Done, Stop, plan, show};
use crate::engine::docker::client::DockerClient;
use crate::execute::report::Report;
use crate::execute::{Ledger, Locks, Logs, Options, Run, execute};
use crate::observe::inspect;
use crate::observe::registries::Registries;
use crate::observe::signatures::Signatures;
use crate::plan::reconcile::Policy;
use crate::plan::step::Plan;
use crate::render::document::Images;
use crate::render::github::Held;
use crate::render::{self, Mode, Renderer};
use crate::state::consent::Reach;
use crate::state::exact::Exact;
use crate::words::code::Code;
use crate::words::diagnostic::Diagnostic;
use crate::words::event::{Event, ProgressReporter};
use crate::words::exit::ExitStatus;

pub(super) fn run(settings: &Settings, args: &SyncArgs) -> Result<Done, Stop> {
    let policy = Policy {
        strategy: args.strategy.map(Into::into),
        no_cache: args.no_cache,
        offline: args.offline.offline,
        ..Policy::default()
    };
    let reach = if args.dry_run { Reach::Look } else { Reach::Build };
    let asked = Asked {
        ids: &args.ids,
        policy,
        consent: &args.consent,
        using: &args.using,
        reach,
        reread: args.reading.no_cache_inputs,
    };
    if args.dry_run {
        let (plan, _) = plan::make(settings, &asked, false)?;
        return Ok(plan::shown(settings, &plan, ExitStatus::Success));
    }
    let mut job = Job::new(settings, &asked)?;
    // An answer may have been waited for until now.
    let begun = Instant::now();
    let client = job.connect(settings)?;
    let environment = &settings.environment;
    let credentials = Arc::new(environment.credentials());
    let sink = settings.stderr();
    let renderer = Renderer::new(settings.mode, settings.err, settings.verbose > 0, sink);
    let renderer = Arc::new(Mutex::new(renderer));
    let draw = |act: &dyn Fn(&mut Renderer)| {
        act(&mut renderer.lock().unwrap_or_else(PoisonError::into_inner));
    };
    let (voice, told) = (Arc::clone(&renderer), settings.told.clone());
    let progress = ProgressReporter::new(move |event| {
        if let Event::Warning { image, message } = &event {
            told.warning(image.as_deref(), message);
        }
        voice.lock().unwrap_or_else(PoisonError::into_inner).event(&event);
    });

    let ledger = OnceCell::new();
    let options = Options { fail_fast: args.fail_fast, no_cache: args.no_cache };
    let registries = Registries::new(&credentials, &progress);
    let response = job.desired().timeouts.response;
    let signatures = Signatures::new(&credentials, &progress, response);
    let signatures = Rc::new(signatures.with_proxy(environment.proxy()));
    let work = async {
        job.lock(&client, &registries, &signatures).await?;
        let (plan, observed, trees) = job.plan(&client, Some(&registries)).await?;
        if !args.offline.offline {
            // It is worth knowing, and not worth waiting for.
            let told = job.moved(&client, &registries, &observed, false);
            let told = match job.desired().timeouts.patience {
                None => told.await?,
                Some(patience) => timeout(patience, told).await.unwrap_or(Ok(Vec::new()))?,
            };
            for (id, told) in told {
                progress.note(Some(&id), told);
            }
        }
        if !plan.is_unchanged() && matches!(settings.mode, Mode::Tty | Mode::Plain | Mode::Github) {
            let text = render::plan::plan(&plan, settings.err);
            draw(&|renderer| text.lines().for_each(|line| renderer.println(line)));
            plan::remember_warnings(settings, &plan);
        } else {
            plan.warn(&progress);
        }
        let ledger = ledger.get_or_init(|| Ledger::new(&plan));
        let limits = (job.desired().timeouts, job.desired().limits);
        let address = &client.endpoint().address;
        let locks = Locks::new(environment.runtime_dir(), address);
        let logs = Logs::new(environment.state_dir(), address);
        let run = Run::new(&client, &credentials, progress.clone(), limits, options);
        let run = run.with_locks(locks).with_logs(logs).with_cache(job.cache());
        let run = run.with_handed(job.handed()).with_signatures(Rc::clone(&signatures));
        execute(&run, &plan, &trees, ledger).await;
        // The program is at its end, and the system takes the memory back at one go.
        mem::forget(trees);
        if let Some(github) = settings.github.as_ref().filter(|it| it.asks_what_is_held()) {
            look(github, &client, &plan).await;
        }
        Ok(())
    };
    let ended = block_on(settings, work, || draw(&|renderer| renderer.tick()));
    draw(&|renderer| renderer.finish());
    let ended = match ended? {
        Ok(done) => {
            done?;
            None
        }
        Err(ended) if ledger.get().is_none() => return Err(cut_short(ended)),
        Err(ended) => Some(ended),
    };
    let report = ledger.into_inner().map(Ledger::report).unwrap_or_default();
    Ok(conclude(settings, report, ended, begun))
}

/// Looks at what the engine holds now, for whoever uses it next. What can't be looked at is
/// left out: it is no part of the work.
async fn look(github: &Github, client: &DockerClient, plan: &Plan) {
    for image in &plan.images {
        if let Ok(Some(facts)) = inspect(client, &image.name.canonical()).await {
            let wanted = image.wanted.as_ref().map(|(digest, _)| digest);
            let wanted = wanted.filter(|digest| facts.is(digest));
            let exact = Exact::of(&image.name, &facts, wanted);
            github.holds(&image.id, Held::new(&exact, facts.size));
        }
    }
}

fn conclude(settings: &Settings, report: Report, ended: Option<Ended>, begun: Instant) -> Done {
    let exit = match ended.map(reason) {
        None => report.exit(),
        Some((exit, words)) => {
            show(&[Diagnostic::error(words).code(Code::Cancelled)], "", settings);
            // What a deadline did not cause it must not hide.
            ExitStatus::worst([exit, report.exit()])
        }
    };
    let time = begun.elapsed();
    let text = if settings.quiet && exit == ExitStatus::Success {
        String::new()
    } else if settings.mode == Mode::Tty && settings.out.width.is_some() && report.changed() {
        // The lines that the bars left behind have said the rest.
        render::summary::closing(&report, settings.out, time)
    } else {
        render::summary::summary(&report, settings.out, time)
    };
    Done::about(exit, text, Images::Reported(report.images))
}
