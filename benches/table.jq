# Turns the rounds of a race into figures and verdicts.
#
# Input: one object a round, {command: [seconds…]}. $goals: [{what, of, over, max}],
# where `over` is a command, or a number of seconds. Output: {commands, ratios}.

def quantile($q): sort | .[[([(length - 1) * $q | round, 0] | max), length - 1] | min];
def median: sort | if length % 2 == 1 then .[length / 2 | floor]
  else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def digits($n): . * pow(10; $n) | round / pow(10; $n);

# The range that holds the true median in nine of ten such races (sign test). It
# narrows with the number of rounds, so a noisy machine costs time and not truth.
def median_range:
  sort | length as $n
  | ([($n / 2 - 0.82 * ($n | sqrt) | floor), 0] | max) as $k
  | [.[$k], .[$n - 1 - $k]];

def time: if . < 0.1 then "\(. * 1000 | digits(2)) ms" else "\(digits(2)) s" end;

. as $rounds
| {
    commands: [
      $rounds[0] | keys_unsorted[] as $name
      | [$rounds[][$name][]] as $times
      | {name: $name, runs: ($times | length), best: ($times | min | time), median: ($times | median | time),
         spread: "\($times | quantile(0.25) | time) to \($times | quantile(0.75) | time)"}
    ],
    ratios: [
      $goals[] as $goal
      # The best of a round on either side: what else ran meanwhile only ever adds time.
      | [$rounds[] | (.[$goal.of] | min) / (if $goal.over | type == "number" then $goal.over else .[$goal.over] | min end)] as $ratios
      | ($ratios | median_range) as [$low, $high]
      | {
          what: $goal.what, ratio: ($ratios | median | digits(3)), max: $goal.max,
          range: "\($low | digits(3)) to \($high | digits(3))",
          verdict: (if $goal.max == null then "-" elif $high <= $goal.max then "met"
            elif $low > $goal.max then "MISSED" else "too noisy to tell" end)
        }
    ]
  }
