"""Learns the Mealy machine of a system that speaks the line protocol of system-under-learning.ts, and writes it as Graphviz text.

usage: learn.py OUTPUT GUESS WALKS COMMAND [ARGUMENT...]

GUESS is a file as this writes one, of a machine that may be the one. WALKS random ones begin in each state.

States are numbered in the order of a breadth-first walk with sorted symbols, so that equal machines are equal files.
"""

import os
import random
import re
import subprocess
import sys
from collections import deque
from itertools import chain, islice

from aalpy import SUL, Oracle, run_KV

# What is learned must not depend on luck.
SEED = 1
WALK_LENGTH = 16
# What would show that an association was made, or was not.
PROBE = "DATA"
# What else runs on the machine goes first.
NICENESS = 10
# Words that go to the system together: a pipe holds them and their answers.
BATCH_WORDS = 32


class System(SUL):
    """Another process; each query begins with a reset."""

    def __init__(self, command):
        super().__init__()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.symbols = self.ask(["symbols"])[0].split()
        self.paths = [path.split() for path in self.ask(["paths"])[0].split(", ")]
        self.fetched = {}

    def ask(self, lines):
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()
        answers = [self.process.stdout.readline() for line in lines if line != "reset"]
        if "" in answers:
            sys.exit("the system under learning has ended")
        return [answer.strip() for answer in answers]

    def fetch(self, words):
        """Asks for several words at once; `query` has their answers then."""
        answers = iter(self.ask([line for word in words for line in ("reset", *word)]))
        self.fetched = {word: [next(answers) for _ in word] for word in words}

    def query(self, word):
        if word not in self.fetched:
            self.fetch([word])
        return self.fetched[word]

    def pre(self):
        self.ask(["reset"])

    def step(self, letter):
        return self.ask([letter])[0]

    def post(self):
        pass


class Doubt(Oracle):
    """Looks for a word that a hypothesis gets wrong: where a guess of the machine tells another tale, around the legal paths, behind each step, and at random
    from each state.

    The guess only saves searching: what it says is asked of the system, and a hypothesis that is like it is doubted as any other.
    """

    def __init__(self, system, guess, walks):
        super().__init__(system.symbols, system)
        self.system = system
        self.guess = guess
        self.walks = walks
        starts = [(before, path) for path in system.paths for before in [(), *system.paths]]
        starts += [((), swapped) for path in system.paths for swapped in swaps(path)]
        self.near_paths = [word for before, path in starts for word in near(before, path, system.symbols)]

    def find_cex(self, hypothesis):
        candidates = chain(difference(hypothesis, self.guess, self.alphabet), self.near_paths, self.words(hypothesis))
        while words := list(islice(candidates, BATCH_WORDS)):
            # `sul` is the system behind the cache of run_KV.
            self.system.fetch([word for word in words if self.sul.cache.in_cache(word) is None])
            for word in words:
                self.num_queries += 1
                expected = hypothesis.execute_sequence(hypothesis.initial_state, word)
                actual = self.sul.query(word)
                for at in range(len(word)):
                    if expected[at] != actual[at]:
                        return list(word[: at + 1])
        return None

    def words(self, hypothesis):
        tails = {(*path[at:], PROBE) for path in self.system.paths for at in range(1, len(path) + 1)}
        # It has none while two states of the hypothesis look alike.
        suffixes = sorted(hypothesis.compute_characterization_set() or [])
        for state in hypothesis.states:
            for suffix in suffixes:
                yield (*state.prefix, *suffix)
        own = own_suffixes(hypothesis, suffixes)
        for state in hypothesis.states:
            for symbol in self.alphabet:
                for suffix in sorted({*own[state.transitions[symbol]], *tails}):
                    yield (*state.prefix, symbol, *suffix)
        luck = random.Random(SEED)
        for state in hypothesis.states:
            for _ in range(self.walks):
                yield (*state.prefix, *luck.choices(self.alphabet, k=WALK_LENGTH))


def own_suffixes(machine, suffixes):
    """By state, some of the suffixes that tell it from each other state: enough to see where a step leads to (the Wp method, Fujiwara et al. 1991)."""
    answers = {state: [tuple(machine.compute_output_seq(state, suffix)) for suffix in suffixes] for state in machine.states}
    chosen = {}
    for state in machine.states:
        chosen[state] = []
        others = [other for other in machine.states if other is not state]
        while others:
            counts = [sum(answers[other][at] != answers[state][at] for other in others) for at in range(len(suffixes))]
            best = max(range(len(suffixes)), key=counts.__getitem__, default=None)
            if best is None or counts[best] == 0:
                break
            chosen[state].append(suffixes[best])
            others = [other for other in others if answers[other][best] == answers[state][best]]
    return chosen


def difference(hypothesis, guess, symbols):
    """A shortest word that the two answer differently, if there is one."""
    start = (hypothesis.initial_state, "s0")
    queue = deque([(start, ())])
    seen = {start}
    while queue:
        (state, guessed), word = queue.popleft()
        for symbol in symbols:
            target, output = guess[guessed][symbol]
            longer = (*word, symbol)
            if state.output_fun[symbol] != output:
                yield longer
                return
            pair = (state.transitions[symbol], target)
            if pair not in seen:
                seen.add(pair)
                queue.append((pair, longer))


def swaps(path):
    """The path with two neighbours in each other's place."""
    return [(*path[:at], path[at + 1], path[at], *path[at + 2 :]) for at in range(len(path) - 1)]


def near(before, path, symbols):
    """The path behind another one: as it is, and with one symbol more, less or in the place of another."""
    path = (*path, PROBE)
    yield (*before, *path)
    for at in range(len(path)):
        yield (*before, *path[:at], *path[at + 1 :], PROBE)
        for symbol in symbols:
            yield (*before, *path[:at], symbol, *path[at:])
            yield (*before, *path[:at], symbol, *path[at + 1 :], PROBE)


def canonical(machine, symbols):
    """Lines `s0 -> s1 [label="A, B / output"]`, in one order for each machine."""
    numbers = {machine.initial_state: 0}
    queue = deque([machine.initial_state])
    lines = []
    while queue:
        state = queue.popleft()
        edges = {}
        for symbol in sorted(symbols):
            target = state.transitions[symbol]
            if target not in numbers:
                numbers[target] = len(numbers)
                queue.append(target)
            edges.setdefault((numbers[target], state.output_fun[symbol]), []).append(symbol)
        for (target, output), inputs in sorted(edges.items()):
            lines.append(f'  s{numbers[state]} -> s{target} [label="{", ".join(inputs)} / {output}"];')
    return lines


def parse(text):
    """By state and symbol, the target and the output of what `canonical` writes."""
    machine = {}
    for state, target, inputs, output in re.findall(r'^  (s\d+) -> (s\d+) \[label="(.*) / (.*)"\];$', text, re.M):
        machine.setdefault(state, {}).update({symbol: (target, output) for symbol in inputs.split(", ")})
    return machine


def main():
    output, guess, walks, *command = sys.argv[1:]
    os.nice(NICENESS)
    system = System(command)
    with open(guess, encoding="utf-8") as file:
        doubt = Doubt(system, parse(file.read()), int(walks))
    machine, facts = run_KV(system.symbols, system, doubt, "mealy", print_level=0, return_data=True)
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join(["digraph model {", *canonical(machine, system.symbols), "}", ""]))
    system.process.stdin.close()
    system.process.wait()
    print(f"{len(machine.states)} states, {facts['queries_learning']} queries in {facts['total_time']} s")


if __name__ == "__main__":
    main()
