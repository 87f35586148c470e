//! Go's syntax of regular expressions, as far as a pattern can reach it.

use super::set::{LAST_RUNE, RuneSet};
use super::{Expression, Place, Step};

/// More steps than anybody's pattern needs; a short one with repetitions can ask for
/// millions.
const MOST_STEPS: usize = 200_000;

/// As Go has it.
const MOST_REPEATS: usize = 1000;

/// What one stands for that may be in several directories.
const ANY_DIRECTORIES: &str = "(.*/)?";

const NO_CLASS_END: &str = "a `[` has no `]`";
const BAD_ESCAPE: &str = "a `\\` gives no meaning to what comes after it";

impl Expression {
    /// Reads an expression; the error says what is wrong with the pattern.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let mut parser = Parser { rest: text, program: Vec::new(), last: None, repeated: false };
        let mut starts = vec![0];
        while !parser.rest.is_empty() {
            if parser.next_if("|") {
                parser.program.push(Step::Done);
                starts.push(parser.program.len());
                (parser.last, parser.repeated) = (None, false);
            } else {
                parser.piece()?;
            }
            if parser.program.len() > MOST_STEPS {
                return Err("it is too long");
            }
        }
        let mut program = parser.program;
        program.push(Step::Done);
        let anchored = starts.len() == 1 && matches!(program[0], Step::At(Place::Start));
        Ok(Self { program, starts, anchored })
    }
}

struct Parser<'a> {
    rest: &'a str,
    program: Vec<Step>,
    /// Where the steps begin that a repetition would repeat.
    last: Option<usize>,
    /// Whether they are a repetition already, which Go does not repeat again.
    repeated: bool,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn next_if(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn add(&mut self, step: Step) {
        self.last = Some(self.program.len());
        self.repeated = false;
        self.program.push(step);
    }

    fn add_rune(&mut self, rune: u32) {
        self.add(Step::Rune(RuneSet::one(rune)));
    }

    /// One thing to match, or a repetition of the one before.
    fn piece(&mut self) -> Result<(), &'static str> {
        let before = self.rest;
        if self.next_if(ANY_DIRECTORIES) {
            // Twice in a row is the same as once; a pattern may have thousands.
            while self.next_if(ANY_DIRECTORIES) {}
            self.add(Step::Rune(RuneSet::all_but('\n')));
            self.repeat(0, None)?;
            self.program.push(Step::Rune(RuneSet::one(u32::from('/'))));
            self.repeated = false;
            return self.repeat(0, Some(1));
        }
        match self.next() {
            Some('[') => {
                let set = self.class()?;
                self.add(Step::Rune(set));
            }
            Some('\\') => self.escape()?,
            Some('*') => self.repeat(0, None)?,
            Some('.') => self.add(Step::Rune(RuneSet::all_but('\n'))),
            Some('^') => self.add(Step::At(Place::Start)),
            Some('$') => self.add(Step::At(Place::End)),
            Some('{') => match counts(before) {
                Some((min, max, rest)) => {
                    let most = max.unwrap_or(min);
                    if min > MOST_REPEATS || most > MOST_REPEATS || most < min {
                        return Err("the numbers of a `{…}` are no range up to 1000");
                    }
                    self.repeat(min, max)?;
                    self.rest = rest;
                }
                None => self.add_rune(u32::from('{')),
            },
            Some(rune) => self.add_rune(u32::from(rune)),
            None => {}
        }
        Ok(())
    }

    /// Makes the last piece come `min` to `max` times.
    fn repeat(&mut self, min: usize, max: Option<usize>) -> Result<(), &'static str> {
        let (Some(start), false) = (self.last, self.repeated) else {
            return Err("a repetition has nothing that it could repeat");
        };
        let piece = self.program.split_off(start);
        for _ in 0..min {
            self.program.extend_from_slice(&piece);
        }
        if let Some(max) = max {
            for _ in min..max {
                self.program.push(Step::Ahead(piece.len() + 1));
                self.program.extend_from_slice(&piece);
            }
        } else {
            self.program.push(Step::Ahead(piece.len() + 2));
            self.program.extend_from_slice(&piece);
            self.program.push(Step::Back(piece.len() + 1));
        }
        self.repeated = true;
        Ok(())
    }

    /// What comes after a `\` outside of brackets.
    fn escape(&mut self) -> Result<(), &'static str> {
        if let Some(set) = self.perl_class() {
            self.add(Step::Rune(set));
        } else if self.next_if("A") {
            self.add(Step::At(Place::Start));
        } else if self.next_if("z") {
            self.add(Step::At(Place::End));
        } else if self.next_if("b") {
            self.add(Step::At(Place::Boundary));
        } else if self.next_if("B") {
            self.add(Step::At(Place::NoBoundary));
        } else if self.next_if("Q") {
            // Up to `\E`, or to the end, everything stands for itself.
            let (literal, rest) = self.rest.split_once("\\E").unwrap_or((self.rest, ""));
            self.rest = rest;
            literal.chars().for_each(|rune| self.add_rune(u32::from(rune)));
            self.repeated = false;
        } else {
            let rune = self.escaped_rune()?;
            self.add_rune(rune);
        }
        Ok(())
    }

    /// The class that comes after a `\`, if one does.
    fn perl_class(&mut self) -> Option<RuneSet> {
        let class = RuneSet::escaped(self.rest.chars().next()?)?;
        self.next();
        Some(class)
    }

    /// The rune that an escape stands for.
    fn escaped_rune(&mut self) -> Result<u32, &'static str> {
        let rune = self.next().ok_or(BAD_ESCAPE)?;
        let octal = |text: &str| text.starts_with(|c| matches!(c, '0'..='7'));
        Ok(match rune {
            'a' => 7,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            'x' => {
                let (digits, rest) = match self.rest.strip_prefix('{') {
                    Some(inner) => inner.split_once('}').ok_or(BAD_ESCAPE)?,
                    None => self.rest.split_at_checked(2).ok_or(BAD_ESCAPE)?,
                };
                self.rest = rest;
                let hex = digits.chars().all(|c| c.is_ascii_hexdigit());
                let value = u32::from_str_radix(digits.trim_start_matches('0'), 16);
                match value {
                    Ok(value) if hex && value <= LAST_RUNE => value,
                    _ if !digits.is_empty() && digits.chars().all(|c| c == '0') => 0,
                    _ => return Err(BAD_ESCAPE),
                }
            }
            '0'..='7' if rune == '0' || octal(self.rest) => {
                let mut value = u32::from(rune) - 48;
                for _ in 0..2 {
                    if octal(self.rest) {
                        value = value * 8 + self.next().map_or(0, u32::from) - 48;
                    }
                }
                value
            }
            _ if rune.is_ascii() && !rune.is_ascii_alphanumeric() => u32::from(rune),
            _ => return Err(BAD_ESCAPE),
        })
    }

    /// A class, after its `[`.
    fn class(&mut self) -> Result<RuneSet, &'static str> {
        let negated = self.next_if("^");
        let mut set = RuneSet::empty();
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if self.rest.starts_with("[:")
                && let Some((name, rest)) = self.rest[2..].split_once(":]")
            {
                let plain = name.strip_prefix('^');
                let class = RuneSet::named(plain.unwrap_or(name));
                let class = class.ok_or("a `[:…:]` has an unknown name")?;
                set.extend(if plain.is_some() { class.inverted() } else { class });
                self.rest = rest;
                continue;
            }
            if let Some(escaped) = self.rest.strip_prefix('\\') {
                let before = std::mem::replace(&mut self.rest, escaped);
                if let Some(class) = self.perl_class() {
                    set.extend(class);
                    continue;
                }
                self.rest = before;
            }
            let low = self.class_rune()?;
            let is_range = self.rest.len() > 1 && self.rest.starts_with('-');
            let mut high = low;
            if is_range && !self.rest.starts_with("-]") {
                self.next();
                high = self.class_rune()?;
            }
            if high < low {
                return Err("a range in `[…]` ends before it begins");
            }
            set.add(low, high);
        }
        self.next();
        Ok(if negated { set.inverted() } else { set })
    }

    fn class_rune(&mut self) -> Result<u32, &'static str> {
        match self.next().ok_or(NO_CLASS_END)? {
            '\\' => self.escaped_rune(),
            rune => Ok(u32::from(rune)),
        }
    }
}

/// The numbers of `{2}`, `{2,}` or `{2,3}`, and what comes after it. Anything else in
/// braces is text.
fn counts(text: &str) -> Option<(usize, Option<usize>, &str)> {
    let (inner, rest) = text.strip_prefix('{')?.split_once('}')?;
    let number = |digits: &str| {
        let plain = digits == "0" || !digits.starts_with('0');
        let digit = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        (digit && plain).then(|| digits.parse().unwrap_or(usize::MAX))
    };
    let (min, max) = match inner.split_once(',') {
        None => (inner, Some(number(inner)?)),
        Some((min, "")) => (min, None),
        Some((min, max)) => (min, Some(number(max)?)),
    };
    Some((number(min)?, max, rest))
}
