r"""What secrets look like in text: the tables behind :mod:`shared.domain.redaction`.

Every expression is linear: its repetitions are bounded, possessive or the last thing in it, so that no text makes a
search start over and over. (Possessive are single characters only, never groups: Python before 3.11.5 gets those
wrong.) Most begin with a literal, which lets the search skip what cannot match. Names and places are searched in the
lower-cased text, where that works and ignoring case would not; so they are written in lower case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from shared.domain.patterns import pattern

# --- What a secret is called -----------------------------------------------------------------------------------------

# A name is telling when it *ends* in one of these: `secretname`, `token_count` and `password_file` are something else.
_ELSEWHERE: Final = r"密[碼码鑰钥]|金鑰|口令|令牌|權杖"
_FULL_WIDTH: Final = "\uff0c\u3002\uff1b\u3001\uff01\uff1f\uff09\u300d"
_KEYWORD: Final = (
    r"(?P<key>(?:pass(?:word|wd|phrase|code)?|pwd|secret(?:[_.-]?id)?|token|credentials?|key(?:[_-]?data)?"
    rf"|{_ELSEWHERE})[_-]?[0-9]{{0,2}})"
)
# Searched up to the end of a keyword: what has to stand before `key` and `pass`, and what must not before `secret`.
QUALIFIED: Final = pattern(
    r"(?:(?:api|auth|access|secret|private|account|signing|encryption|shared|client|app|application|master|license|ssh"
    r"|deploy|webhook|session)[_. -]?(?:access[_-]?)?key(?:[_-]?data)?"
    r"|(?:[^a-z]|^|db|user|admin|root|my|smtp|redis)pass|pass(?:word|wd|phrase|code)|pwd"
    rf"|(?<!pull)secret(?:[_.-]?id)?|token|credentials?|{_ELSEWHERE})[_-]?[0-9]{{0,2}}\Z"
)
OTHER_TELLING_NAME: Final = pattern(
    r"(?:(?:password|token)s|cookies?|authorization|connection[_-]?string|dockerconfigjson"
    r"|(?:tls|ssl|ca|server)[._-]key|\.pem|id_(?:rsa|dsa|ecdsa|ed25519))\Z"
)
# Either an assignment, or a sentence: "the password for db-0 is ...", "token ...", "密碼是 ...".
ASSIGNED: Final = pattern(
    rf"{_KEYWORD}(?:(?P<sign>\\{{0,3}}[\"'`]?[ \t]{{0,3}}(?:=>|:=|[:=\uff1a])[ \t]{{0,3}})"
    r"|(?P<said>[ ]?(?:是|[為为](?!空)|改成|改[為为]|[設设][為为成])[ ]?"
    r"|(?:[ ](?:for|of|on)[ ][\w./-]{1,63})?[ ](?:(?:is|was|to|now)[ ]){0,2}(?:(?:is|was):[ ])?))"
)
OPTION: Final = pattern(
    rf"-(?<![\w-]-)-?(?:[a-z0-9]{{1,20}}[-_]){{0,4}}[a-z0-9]{{0,20}}?{_KEYWORD}(?P<sign>[ \t]{{1,3}})(?!-)"
)
VALUE: Final = pattern(
    r"(?P<quote>\\{0,3}[\"'`])(?P<quoted>(?:(?!(?P=quote))(?:\\\\\\.|\\.|[^\\\n]))*)"
    # Closing characters end a bare value only where something else begins, so that a password may hold them.
    rf"|(?P<bare>(?:[^\s\"'`,;&)\]}}|<>{_FULL_WIDTH}]|[\"'`,;&)\]}}|<>](?![\s\"'`,;:)\]}}{_FULL_WIDTH}]|$|[\w.-]{{1,40}}[=:]))+)"
)
# What a sentence says next, as far as it may be a secret; and what it is otherwise.
SAID: Final = pattern(r"[\"'`]?(?P<bare>[!-~]{6,256}?(?<![.,;:)]))(?=[.,;:!?)\"'`\]]{0,3}(?:[^!-~]|\Z))")
SAID_OTHERWISE: Final = pattern(
    r"[0-9][0-9.,:/TZ+-]*+[A-Za-z%]{0,3}"  # a date, an address, a version, an amount
    # TLSv1.3, HTTP/1.1, OAuth2, SHA256, postgres16
    r"|(?:[A-Z]{0,12}[a-z]{0,12}|OAuth)/?[0-9]{1,3}(?:[-_/.][A-Za-z0-9]{1,6}){0,3}"
    r"|[0-9a-f]{6,12}"  # a short commit id
    r"|[a-z_.]{2,30}=.{0,256}|[a-z0-9]{2,8}:.{0,256}"  # attempt=3, sha256:...
    r"|[/(\[{#@&.].{0,256}|[a-z0-9_.-]{0,64}/[a-z0-9_./-]{0,256}"  # a path, a reference
    r"|[a-z0-9_.-]{0,64}\.[a-z]{2,5}"  # a file, a host
)
DIGITS: Final = pattern(r"[0-9]{6,12}")
DIGIT: Final = pattern(r"[0-9]")

# What stands where a secret would: words for a state, and forms of a variable, a placeholder, a file or an object.
STATE: Final = pattern(
    r"true|false|null|none|nil|yes|no|on|off|auto|empty|unset|missing|invalid|expired?|required|optional|changed"
    r"|rotated|denied|revoked|unknown|mounted|created|deleted|updated|synced|refreshed|not|is|was|has|must|the|for",
    re.ASCII | re.IGNORECASE,
)
STAND_IN: Final = pattern(
    r"\*{2,}|[xX]{3,}|\.{3,}|<[^<>]{0,60}>?|\[?(?i:redacted|masked|hidden|removed|filtered)\]?|%[a-z]"
    r"|\$[A-Z_][A-Z0-9_]{0,60}|\$\{[^{}]{0,60}\}?|\$\([^()]{0,60}\)?|[\[{|>].{0,80}|(?:file|vault|ref\+vault):.{0,200}"
    r"|(?:\./|/(?:[a-z][a-z0-9_.-]{0,60}/)+).{0,200}",
    re.ASCII,
)
OBJECT_NAME: Final = pattern(
    r"(?=.{0,80}[-/])(?![0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b)"
    r"[a-z0-9][a-z0-9.-]{0,80}(?:/[a-z0-9][a-z0-9.-]{0,80})?"
)
UNLIKE_A_WORD: Final = pattern(r"[0-9!@#$%^&*+=/~?]")

# --- Where a secret stands -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where secrets stand, whatever they look like.

    Attributes:
        kind: what the mask says.
        literal: what a text must hold for ``pattern`` to be tried.
        pattern: its group ``s`` is the secret.
    """

    kind: str
    literal: str
    pattern: re.Pattern[str]


_USER: Final = r"://[^\s/:@\"'<>?#\[\]]{0,256}:"
# The end of a name that is telling beyond doubt, for places where nothing else says what the value is.
_TELLING: Final = (
    r"(?:pass(?:word|wd|phrase|code)?|pwd|secret(?:_?id)?|token|credentials?"
    r"|(?:api|access|secret|private|signing|encryption|account)[_-]?key)[_-]?[0-9]{0,2}"
)
_VALUE_LINE: Final = r"[ ]{0,40}value:[ ]{1,4}[\"']?(?P<s>(?![$<{*\[|>])[^\s\"']++)"
_TAGS: Final = "|".join(
    f"(?<={name}>)"
    for name in (
        *("password", "passwd", "passphrase", "pwd", "secret", "secret_id", "token", "credentials"),
        *(f"{of}{sign}key" for of in ("api", "access", "secret", "private", "signing") for sign in ("", "_", "-")),
    )
)
_HEADER: Final = r"\\{0,3}[\"']?\s{0,3}[:=,]\s{0,3}\[?\\{0,3}[\"']?"

PLACES: Final = tuple(
    Place(kind, literal, pattern(source, re.ASCII))
    for kind, literal, source in (
        ("telegram-token", ":", r":(?<=[0-9]{8}:)(?P<s>[\w-]{35,}+)"),
        ("url-password", "://", rf"{_USER}(?P<s>(?!\d{{1,5}}[/?#])[^\s\"'<>/?#]{{1,512}})@"),
        ("url-password", "://", rf"{_USER}(?P<s>(?!\d{{1,5}}[/?#,])[^\s\"'<>@]{{1,128}})@(?=[\w.-])"),
        ("url-token", "://", r"://(?P<s>(?=[^@]{0,200}\d)[^\s/:@\"'<>?#\[\]]{20,200})@(?!sha256:)"),
        ("dsn-password", "@tcp(", r"(?<![\w.\[-])[\w.-]{1,64}:(?P<s>[^\s:@\"']{1,256})@tcp\("),
        (
            "authorization",
            "authorization",
            rf"authorization{_HEADER}(?:bearer|basic|token|negotiate|ntlm|apikey|key)[ ]+(?P<s>(?![<${{])[^\s\"'\\]++)",
        ),
        (
            "authorization",
            "authorization",
            rf"authorization{_HEADER}(?:digest|hawk|oauth|aws4-hmac-sha256)[ ]+(?P<s>[^\r\n\\]++)",
        ),
        (
            "authorization",
            "authorization",
            rf"authorization{_HEADER}(?P<s>(?=[^\s\"'\\]{{0,80}}\d)[^\s\"'\\]{{8,}}+)(?![ ]\S)",
        ),
        ("cookie", "cookie", rf"cookie{_HEADER}(?P<s>[^\s\"'\\=;]{{1,256}}=[^\r\n\"'\\]++)"),
        ("bearer-token", "bearer", r"bearer(?<![\w-]bearer)[ ]+(?P<s>(?=[\w.~+/-]{0,80}\d)[\w.~+/-]{8,}+=*+)"),
        ("basic-credentials", "basic ", r"basic[ ]+(?P<s>[a-z0-9+/]{8,}+={0,2})"),
        ("basic-credentials", '"auth', r"\"auth\\{0,3}\"\s{0,3}:\s{0,3}\\{0,3}\"(?P<s>[a-z0-9+/]{8,}+={0,2})"),
        (
            "password",
            "curl ",
            r"curl[ ](?:[^\n|]{0,200}?[ ])??(?:-u|--user)[ =]?[\"']?[^\s:\"'\[]{1,64}:(?P<s>[^\s\"']++)",
        ),
        ("password", "mysql", r"mysql\w{0,8}[ ](?:[^\n|;&]{0,200}?[ ])??-p(?P<s>(?!\d{1,5}(?:\s|$))[^\s\"'|;&]++)"),
        ("password", "redis-cli", r"redis-cli[ ](?:[^\n|;&]{0,200}?[ ])??-a[ ][\"']?(?P<s>[^\s\"'|;&]++)"),
        ("password", "sshpass", r"sshpass[ ]-p[ ]?[\"']?(?P<s>[^\s\"']++)"),
        ("literal", "create secret", r"--from-literal[= ][\"']?[\w.-]{1,64}=(?P<s>[^\s\"']++)"),
        ("secret", "</", rf">(?:{_TAGS})(?P<s>(?![$<{{*])[^<>\s]{{1,512}}+)</"),
        (
            "secret",
            "value:",
            rf"name:[ ]{{1,4}}[\"']?[\w.-]{{0,60}}?{_TELLING}[\"']?[ ]{{0,4}}\r?\n{_VALUE_LINE}",
        ),
        ("url-signature", "sig=", r"sig=(?<=[?&]sig=)(?P<s>[\w%-]{20,}+)"),
        (
            "webhook",
            "hook",
            r"/(?:services/(?<=slack\.com/services/)|api/webhooks/|webhookb2/|bot/v2/hook/)(?P<s>[\w/@-]{10,}+)",
        ),
    )
)

PRIVATE_KEY: Final = pattern(
    r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:[\w+/=\s\\:,.()]|-(?!-))*"
    r"(?:-----END [A-Z0-9 ]{0,60}-----)?",
    re.ASCII,
)
# The values of a Kubernetes Secret written as YAML or JSON; both apply only to a text that has such an object.
SECRET_OBJECT: Final = pattern(r"kind\\{0,3}[\"']?:\s{0,3}\\{0,3}[\"']?Secret\b", re.ASCII)
SECRET_DATA: Final = (
    (
        pattern(r"^(?P<indent>[ ]{0,40})(?:data|stringData):[ ]{0,4}\n(?:(?P=indent)[ ]+\S.*(?:\n|\Z))+", re.MULTILINE),
        Place("secret", "", pattern(r"^[ ]+(?:[\w.-]{1,253}:(?:[ ]+|$))?(?P<s>.+)$", re.MULTILINE)),
    ),
    (
        pattern(r"\"(?:data|stringData)\\{0,3}\"\s{0,3}:\s{0,3}\{[^{}]*+\}"),
        Place(
            "secret",
            "",
            pattern(r":\s{0,3}(?P<q>\\{0,3}\")(?P<s>(?:(?!(?P=q))(?:\\\\\\.|\\.|[^\\]))+)"),
        ),
    ),
)

# --- What a secret looks like ----------------------------------------------------------------------------------------

_TOKENS: Final = (
    # How a token begins, how it goes on, what it is.
    ("eyJ", r"(?<![\w-]eyJ)[\w-]{8,}+(?:\.[\w-]*+){2,4}", "jwt"),
    ("AKIA", r"[A-Z0-9]{16}(?:[^A-Za-z0-9+/]{1,4}[A-Za-z0-9+/]{40}(?![\w+/=]))?", "aws-access-key"),
    ("ASIA", r"[A-Z0-9]{16}(?:[^A-Za-z0-9+/]{1,4}[A-Za-z0-9+/]{40}(?![\w+/=]))?", "aws-access-key"),
    ("github_pat_", r"\w{22,}+", "github-token"),
    ("gh", r"[pousr]_[A-Za-z0-9]{36,}+", "github-token"),
    ("glsa_", r"[A-Za-z0-9_]{20,}+", "grafana-token"),
    ("glc_", r"[A-Za-z0-9+/=_]{20,}+", "grafana-token"),
    ("gl", r"(?:pat|dt|ptt|rt|cbt|soat|oas|ft|imt|agent|ffct)-[\w-]{20,}+", "gitlab-token"),
    ("xox", r"[a-z]-[A-Za-z0-9-]{10,}+", "slack-token"),
    ("xapp-", r"\d-[A-Za-z0-9-]{10,}+", "slack-token"),
    ("sk_", r"(?:live|test)_[A-Za-z0-9]{10,}+", "stripe-key"),
    ("rk_", r"(?:live|test)_[A-Za-z0-9]{10,}+", "stripe-key"),
    ("whsec_", r"[A-Za-z0-9]{16,}+", "stripe-key"),
    ("AIza", r"[\w-]{35}", "google-key"),
    ("GOCSPX-", r"[\w-]{20,}+", "google-key"),
    ("ya29.", r"[\w-]{20,}+", "google-key"),
    ("npm_", r"[A-Za-z0-9]{36}", "npm-token"),
    ("pypi-", r"[\w-]{40,}+", "pypi-token"),
    ("hv", r"(?<![\w-]hv)[sbr]\.[\w-]{20,}+", "vault-token"),
    ("sk-", r"(?<![\w-]sk-)(?:(?:proj|svcacct|admin|ant|or)-[\w-]{20,}+|[A-Za-z0-9]{20,}+)", "ai-key"),
    ("SG.", r"(?<![\w-]SG\.)[\w-]{16,}+\.[\w-]{16,}+", "sendgrid-key"),
    ("dckr_", r"[op]at_[\w-]{20,}+", "docker-token"),
    ("dop_v1_", r"[a-f0-9]{64}", "cloud-token"),
    ("shpat_", r"[a-fA-F0-9]{32}", "cloud-token"),
    ("AGE-SECRET-KEY-1", r"[A-Z0-9]{50,}+", "private-key"),
)
# A token takes the rest of its word with it, so that what is left does not look different once it is masked.
TOKEN: Final = pattern("|".join(re.escape(start) + rest + r"[\w-]*+" for start, rest, _ in _TOKENS), re.ASCII)


def kind_of_token(token: str) -> str:
    """What kind of token it is that :data:`TOKEN` found."""
    return next(kind for start, _, kind in _TOKENS if token.startswith(start))


# A piece of nearly everything above, in lower case: a text without any has nothing to redact. The pieces begin at
# letters that are rare in prose, wherever in the word they stand, so that most characters are passed over by one test.
# (Google's and Amazon's temporary tokens come with a name that triggers.)
TRIGGER: Final = pattern(
    r"c(?:ret|reden|ookie|url |kr_|li |_(?<=whsec_))|p(?:ass|wd|m_|ypi-|at[-_]|_v1_)|b(?=earer|asic )|v(?=[sbr]\.)"
    r"|g(?:h[a-z]_|l[a-z]{1,5}[-_]|\.(?<=sg\.)|=(?<=sig=)|ram(?<=telegram))|x(?:ox|app-|-(?<=gocspx-))|j(?<=eyj)"
    r"|k(?:e[yn]|_[lt]|-[a-z0-9]|ia[a-z0-9]|\.com/|s?/|b2/)|z(?:(?<=authoriz)|a(?<=aiza))|ql(?<=mysql)"
)
TRIGGER_ELSEWHERE: Final = pattern(_ELSEWHERE)
