//! What can happen to an image between two runs, in random order: whatever does, a run ends
//! with the locked bytes under the name, or with a failure that says so.

use super::{lock_of, occ, values};
use crate::support::image::Image;
use crate::support::occ::{Occ, Run};
use crate::support::real_engine::RealEngine;
use crate::support::registry::Registry;
use crate::support::unique;
use crate::sync::{from, table};

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

/// One image, two registries, and three contents that its tag may have.
struct World {
    engine: RealEngine,
    registries: [Registry; 2],
    contents: [Image; 3],
    name: String,
    other: String,
    occ: Occ,
    told: Vec<String>,
}

impl World {
    fn new() -> Self {
        let mut engine = RealEngine::connect();
        let (name, other) = (engine.name("history"), engine.name("other"));
        let registries = [Registry::start(), Registry::start()];
        let contents = [(); 3].map(|()| Image::new(&unique()));
        let manifest = table("tool", &name, &from(&[&registries[0], &registries[1]]));
        let occ = occ(&engine, &manifest);
        let world = Self { engine, registries, contents, name, other, occ, told: Vec::new() };
        world.push(0, 0);
        world.push(1, 0);
        world
    }

    fn path(&self) -> &str {
        self.name.rsplit_once(':').unwrap().0
    }

    fn push(&self, registry: usize, content: usize) {
        self.registries[registry].push(self.path(), "1", &self.contents[content]);
    }

    /// Something happens.
    fn befall(&mut self, dice: &mut Dice) {
        let (registry, content) = (dice.roll(2), dice.roll(3));
        let what = dice.roll(11);
        let held = self.engine.inspect(&self.name).is_some();
        let lock = lock_of(&self.occ);
        let locked = values(&lock, "digest").first().map(|digest| (*digest).to_owned());
        let file = self.occ.work().join("opencode.lock");
        match what {
            0 | 1 => self.push(registry, content),
            2 => self.registries[registry].set_down(true),
            3 | 4 => self.registries.iter().for_each(|it| it.set_down(false)),
            5 => self.registries[registry].forget(self.path()),
            6 => self.engine.remove(&self.name),
            7 if held => self.engine.reload(&self.name),
            8 if held => {
                // Somebody gives the name to something else.
                let stray = self
                    .engine
                    .built(&format!("FROM scratch\nCOPY Dockerfile /\nLABEL it={}\n", unique()));
                self.engine.clean_up(stray.clone());
                self.engine.tag(&self.name, &self.other);
                self.engine.tag(&stray, &self.name);
            }
            9 if locked.is_some() => {
                let new = self.contents[content].digest();
                fs_err::write(file, lock.replace(&locked.unwrap(), new)).unwrap();
            }
            10 => drop(fs_err::remove_file(file)),
            _ => {}
        }
        self.told.push(format!("{what} {registry} {content}"));
    }

    /// A run, and what must hold after it whatever happened before.
    fn run(&mut self, dice: &mut Dice) {
        let before = self.engine.id(&self.name);
        let arguments: &[&str] = match dice.roll(6) {
            0 => &["sync", "--locked"],
            1 => &["sync", "--offline"],
            2 => &["lock", "--upgrade", "--allow-partial"],
            _ => &["sync"],
        };
        let run = self.occ.run_with(arguments.iter().copied());
        self.told.push(format!("{arguments:?}: {}", run.code()));
        let locked = values(&lock_of(&self.occ), "digest").first().map(|it| (*it).to_owned());
        let wanted = locked.map(|digest| {
            let content = self.contents.iter().find(|it| it.digest() == digest);
            let content = content.unwrap_or_else(|| self.fail(&run, "a digest that nobody has"));
            self.engine.id_of(content)
        });
        let now = self.engine.id(&self.name);
        if arguments[0] == "lock" {
            self.check(now == before, &run, "locking moved the name");
        } else if run.code() == 0 {
            match wanted {
                Some(wanted) => {
                    self.check(now.as_deref() == Some(wanted), &run, "other bytes than locked");
                }
                // It could not be locked, so its tag decided.
                None => self.check(now.is_some(), &run, "nothing is there"),
            }
            let again = self.occ.run_with(arguments.iter().copied());
            self.check(again.code() == 0 || wanted.is_none(), &again, "the second run failed");
            let is_quiet = again.stdout.contains("1 unchanged") || wanted.is_none();
            self.check(is_quiet, &again, "the second run had something to do");
        } else {
            let is_named = [1, 3, 4, 7].contains(&run.code());
            self.check(is_named, &run, "a failure that is none of the expected");
            let is_told = run.stdout.contains("failed")
                || run.stderr.contains("error: ")
                || run.stdout.contains("fails");
            self.check(is_told, &run, "a failure without a word");
            let is_right = now == before || wanted.is_some_and(|it| now.as_deref() == Some(it));
            self.check(is_right, &run, "the name moved to something else");
        }
    }

    fn check(&self, holds: bool, run: &Run, what: &str) {
        if !holds {
            self.fail(run, what);
        }
    }

    fn fail(&self, run: &Run, what: &str) -> ! {
        panic!("{what} after {:#?}\n{}\n{run}", self.told, lock_of(&self.occ))
    }
}

/// Fifty of them.
fn histories(first: u64) {
    for seed in first..first + 50 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut world = World::new();
        world.told.push(format!("seed {seed}"));
        world.run(&mut dice);
        for _ in 0..4 {
            for _ in 0..=dice.roll(2) {
                world.befall(&mut dice);
            }
            world.run(&mut dice);
        }
    }
}

#[test]
fn whatever_happens_the_bytes_are_right_or_it_is_told_1() {
    histories(0);
}

#[test]
fn whatever_happens_the_bytes_are_right_or_it_is_told_2() {
    histories(50);
}

#[test]
fn whatever_happens_the_bytes_are_right_or_it_is_told_3() {
    histories(100);
}

#[test]
fn whatever_happens_the_bytes_are_right_or_it_is_told_4() {
    histories(150);
}
