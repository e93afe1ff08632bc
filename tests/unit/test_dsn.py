from __future__ import annotations

import pytest

from shared.adapters.dsn import Dsn
from shared.domain.errors import ConfigurationError

CANARY = "hunter2-CANARY"


def dsn(**changes):
    given = {
        "user": "u",
        "password": "p",
        "host": "h",
        "port": 5432,
        "database": "d",
        "unix_socket": None,
        "sslmode": "prefer",
    }
    return Dsn(**{**given, **changes})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@h:5432/d", dsn()),
        ("postgres://u:p@h/d", dsn()),
        ("postgresql+pg8000://u:p@h/d", dsn()),
        ("postgresql://u:p@h:6543/d?sslmode=verify-full", dsn(port=6543, sslmode="verify-full")),
        ("postgresql://u:p%40%2F%3A@h/d%20d", dsn(password="p@/:", database="d d")),
        ("postgresql://u@[::1]/d", dsn(password=None, host="::1")),
        ("postgresql:///d", dsn(user="postgres", password=None, host="localhost")),
        (
            "postgresql://u@/d?host=/run/pg",
            dsn(password=None, host="/run/pg", unix_socket="/run/pg/.s.PGSQL.5432"),
        ),
        (
            "postgresql://u@/d?host=/run/pg&port=6543",
            dsn(password=None, host="/run/pg", port=6543, unix_socket="/run/pg/.s.PGSQL.6543"),
        ),
    ],
)
def test_addresses(url, expected):
    assert Dsn.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "h",
        f"mysql://u:{CANARY}@h/d",
        f"postgresql://u:{CANARY}@h",
        f"postgresql://u:{CANARY}@h/",
        f"postgresql://u:{CANARY}@h:port/d",
        f"postgresql://u:{CANARY}@h:99999/d",
        f"postgresql://u:{CANARY}@h/d?port=many",
        f"postgresql://u:{CANARY}@h/d?sslmode=maybe",
        f"postgresql://u:{CANARY}@[::1/d",
    ],
)
def test_what_is_no_address_is_one_sentence_without_the_password(url):
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL cannot be read; write ") as refused:
        Dsn.parse(url)

    assert CANARY not in str(refused.value)
    assert CANARY not in repr(refused.value.__context__)


def test_a_password_is_not_shown():
    assert CANARY not in repr(Dsn.parse(f"postgresql://u:{CANARY}@h/d"))
