"""Destructive commands in thousands of other spellings: none gets past its tier."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, permutations, product

from functions.gitops_issue.core.assessing import assess
from functions.gitops_issue.core.kinds import KINDS, PROTECTED
from functions.gitops_issue.core.policy import Policy
from shared.domain.remediations import Tier

ORDER = list(Tier)
AT_LEAST = 12_000
MOST = 160  # per rewriting of one command: keeps the whole within a second or two

# Tier, words before the flags, flags.
DESTRUCTIVE = [
    *((Tier.BLOCKED, f"delete {name} x", "-n dev") for name, kind in KINDS.items() if kind.deleted >= PROTECTED),
    (Tier.BLOCKED, "delete pods", "--all -A"),
    (Tier.BLOCKED, "delete deployments", "--all -n kube-system"),
    (Tier.BLOCKED, "delete secrets", "--all -n dev"),
    (Tier.BLOCKED, "delete secrets", "-l app=api -n dev"),
    (Tier.BLOCKED, "delete secrets a b", "-n dev"),
    (Tier.BLOCKED, "delete", "-f app.yaml -n dev"),
    (Tier.BLOCKED, "delete", "-k overlays -n dev"),
    (Tier.BLOCKED, "replace", "--force -f app.yaml -n dev"),
    (Tier.BLOCKED, "scale deployments", "--all --replicas=0 -n prod"),
    (Tier.BLOCKED, "drain worker-3", "--force --delete-emptydir-data"),
    (Tier.BLOCKED, "apply", "--prune --all -f app.yaml -n prod"),
    (Tier.DUAL, "drain worker-3", "--ignore-daemonsets"),
    (Tier.DUAL, "delete deployments api", "-n prod"),
    (Tier.DUAL, "delete statefulsets db", "-n prod --cascade=orphan"),
    (Tier.DUAL, "delete pods", "--all -n prod"),
    (Tier.DUAL, "delete pods api", "--force --grace-period=0 -n prod"),
    (Tier.DUAL, "scale deployments api", "--replicas=0 -n prod"),
    (Tier.DUAL, "get secrets db", "-n prod -o yaml"),
    (Tier.DUAL, "patch deployments api", "--patch={} -n prod"),
    (Tier.HUMAN, "delete pods api", "-n dev"),
    (Tier.HUMAN, "scale deployments api", "--replicas=0 -n dev"),
    (Tier.HUMAN, "rollout restart deployments/api", "-n prod"),
]
PROGRAMS = ["sh", "/bin/bash -c ls", "rm -rf /data", "psql -c 'DROP TABLE users'", "env sh", "ls ; rm x", "./x", "LS"]
LONG = {"-n": "--namespace", "-l": "--selector", "-f": "--filename", "-k": "--kustomize", "-o": "--output"}
LONG["-A"] = "--all-namespaces"
ALIKE = str.maketrans("aceopdnslk", "\u0430\u0441\u0435\u043e\u0440\u0501\u0578\u0455\u217c\u1d0b")


def flag_spellings(flags: str) -> list[list[str]]:
    """Each flag in every way that it may be written."""
    words, found = flags.split(), []
    while words:
        word = words.pop(0)
        name, equals, value = word.partition("=")
        if word in LONG and word != "-A":
            value = words.pop(0)
            long = LONG[word]
            found.append([f"{word} {value}", f"{word}{value}", f"{word}={value}", f"{long} {value}", f"{long}={value}"])
        elif equals:
            found.append([word, f"{name} {value}"] if name != "--cascade" else [word])
        else:
            long = LONG.get(word, word)
            found.append([word, long, f"{long}=true", f"{long}=1", f"{long} {long}=false"])
    return found


def flag_orders(words: str, flags: str) -> Iterator[str]:
    verb, _, rest = words.partition(" ")
    for spelling in product(*flag_spellings(flags)):
        for order in islice(permutations(spelling), 6):
            yield f"{verb} {rest} {' '.join(order)}"
            yield f"{verb} {' '.join(order)} {rest}"
            yield f"{order[0]} {verb} {rest} {' '.join(order[1:])}"
            yield f"{verb} {' '.join(order)} -- {rest}"


def noun_spellings(words: str, flags: str) -> Iterator[str]:
    verb, _, rest = words.partition(" ")
    kind, _, names = rest.partition(" ")
    found = KINDS.get(kind)
    if found is None:
        return
    for name in [alias for alias, other in KINDS.items() if other is found]:
        groups = [f".{found.group}", f".v1.{found.group}"] if found.group else ["", ".", ".v1."]
        for noun in [name, name.upper(), name.title(), *(f"{name}{group}" for group in groups)]:
            yield f"{verb} {noun} {names} {flags}"
            yield f"{verb} pod,{noun} {names} {flags}"
            if names:
                each = " ".join(f"{noun}/{one}" for one in names.split())
                yield f"{verb} {each} {flags}"
                yield f"{verb} pod/x {each} {flags}"


def quotings(words: str, flags: str) -> Iterator[str]:
    text = f"{words} {flags}"
    parts = text.split()
    yield text.replace(" ", "   ")
    yield text.replace(" ", "\t")
    yield " ".join(f"'{part}'" for part in parts)
    yield " ".join(f'"{part}"' for part in parts)
    yield " ".join(f'{part[:1]}"{part[1:]}"' for part in parts)
    yield " ".join(f"{part[:-1]}'{part[-1:]}'" for part in parts)
    yield " ".join(f"''{part}" for part in parts)
    yield " ".join(f"\\{part}" for part in parts)
    yield " ".join(f"$'{part}'" for part in parts)
    yield text.replace(" ", "${IFS}")
    yield text.replace(" ", "\\\n ")


def disguises(words: str, flags: str) -> Iterator[str]:
    text = f"{words} {flags}"
    for at, letter in enumerate(text):
        alike = letter.translate(ALIKE)
        if alike != letter:
            yield text[:at] + alike + text[at + 1 :]
    for hidden in "\u200b\u200d\u00ad\ufeff\u202e\u2066\x00\x08\x1b\x7f\u0301":
        yield f"{text[:3]}{hidden}{text[3:]}"
        yield f"{text}{hidden}"
    for blank in "\u00a0\u2003\u3000\u2028\x0b\x0c\x85\r\n":
        yield text.replace(" ", blank)
    yield text.replace("-", "\u2013")
    yield text.upper()


def company(words: str, flags: str) -> Iterator[str]:
    """Flags that must not help, and those that widen."""
    text = f"{words} {flags}"
    for extra in ("--raw=/x", "--raw /x", "--as=admin", "--token=x", "--kubeconfig=x", "-s x", "-v=1", "--help", "-h"):
        yield f"{text} {extra}"
    for extra in ("--dry-run=none", "--dry-run=false", "--dry-run=", "--wait=false", "--now", "--force", "--all", "-A"):
        yield f"{text} {extra}"
    for extra in (
        "-f -",
        "-f https://x/y",
        "-f a.yaml",
        "-R",
        "-k .",
        "--timeout=1s",
        "--request-timeout=1s",
        "-n test",
    ):
        yield f"{text} {extra}"
    for extra in ("-l a=b", "-l 'a!=b'", "-l a", "--field-selector=a=b", "--ignore-not-found", "x", "--", "-- x", "''"):
        yield f"{text} {extra}"


def whole_commands(words: str, flags: str) -> Iterator[str]:
    """Around the command: chains, shells and other programs."""
    text = f"kubectl {words} {flags}"
    harmless = "kubectl get pods -n dev"
    for link in (";", "&&", "||", "|", "&", "\n", "|&", ";;", "\r\n", " ; ", ")", "<(", ">"):
        yield f"{harmless}{link}{text}"
        yield f"{harmless} {link} {text}"
        yield f"{text}{link}{harmless}"
    for frame in ("$({})", "`{}`", "({})", "{{ {}; }}", "sh -c '{}'", 'bash -c "{}"', "eval {}", "xargs {}", "sudo {}"):
        yield frame.format(text)
        yield f"{harmless}; {frame.format(text)}"
    for frame in (
        "env {}",
        "A=1 {}",
        "nohup {} &",
        "exec {}",
        "! {}",
        "\\{}",
        "time {}",
        "# {}",
        "{} #",
        "{} >x",
        "{}\\",
    ):
        yield frame.format(text)
    for program in ("k", "Kubectl", "kubectl.exe", "./kubectl", "/bin/kubectl", "kubectl1.30", "'kubectl '", "oc", ""):
        yield f"{program} {words} {flags}"


def executions() -> Iterator[tuple[Tier, str]]:
    """Programs inside of containers, in everything that runs them."""
    for program, start in product(
        PROGRAMS, ("exec api", "exec -it api", "exec deploy/api -c api", "exec -i -t po/api")
    ):
        for separator, place in product(("--", "-- ", " --"), ("-n dev", "-ndev", "--namespace=dev", "-A", "")):
            yield Tier.BLOCKED, f"kubectl {start} {place} {separator} {program}"
            yield Tier.BLOCKED, f"kubectl {place} run x --image=x {separator} {program}"
            yield Tier.BLOCKED, f"kubectl create job x --image=x {place} {separator} {program}"
            yield Tier.BLOCKED, f"kubectl debug api --image=x {place} {separator} {program}"


def rewrites() -> Iterable[tuple[Tier, str]]:
    yield from executions()
    for tier, words, flags in DESTRUCTIVE:
        for rewriting in (flag_orders, noun_spellings, quotings, disguises, company):
            for text in islice(rewriting(words, flags), MOST):
                yield tier, f"kubectl {text}"
        for text in whole_commands(words, flags):
            yield tier, text


def test_no_spelling_of_a_destructive_command_gets_past_its_tier():
    policy, seen = Policy(), Counter()
    written = dict.fromkeys(rewrites())
    past = [(tier, text) for tier, text in written if ORDER.index(assess(text, policy).tier) < ORDER.index(tier)]
    seen.update(tier for tier, _ in written)

    assert past == []
    assert sum(seen.values()) >= AT_LEAST
    assert min(seen[tier] for tier in (Tier.HUMAN, Tier.DUAL, Tier.BLOCKED)) > 100
