"""The folder of the demo: settings like an operator's, secrets that are made on the spot, and the people who ask.

Everything lies in one folder that can be deleted at any time. Nothing here runs outside the demo.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import OctKey

from connectors.alfresco.simulator import sample
from vocabulary.errors import SettingInvalid

_MARK = "# Written by `sightline demo`, anew on each start."
_ISSUER = "https://demo.sightline.invalid"
_AUDIENCE = "sightline"
_ALGORITHM = "HS256"
TOKEN_LIFE_S = 12 * 60 * 60  # a working day with the demo open

_SETTINGS = """\
{mark}

[state]
url = "sqlite:///data/state.db"

[indexes.private]
engine = "embedded"
path = "data/private"
access = "token"

[indexes.public]
engine = "embedded"
path = "data/public"
access = "public"

[[tokens]]
kind = "jwt"
issuer = "{issuer}"
audience = "{audience}"
algorithms = ["{algorithm}"]
shared_secret = {{ file = "secrets/token-secret" }}
user_claim = "email"

[sources.onprem-private]
connector = "alfresco"
index = "private"
url = "{onprem}"
auth = {{ kind = "basic", username = "{crawler}", password = {{ file = "secrets/crawler-password" }} }}
sites = ["{onprem_site}"]

[sources.onprem-aspect]
connector = "alfresco"
index = "private"
url = "{onprem}"
auth = {{ kind = "basic", username = "{crawler}", password = {{ file = "secrets/crawler-password" }} }}
folders = ["/Company Home/{onprem_folder}"]
aspects = ["{aspect}"]

[sources.cloud-private]
connector = "alfresco"
index = "private"
url = "{cloud}"
auth = {{ kind = "basic", username = "{crawler}", password = {{ file = "secrets/crawler-password" }} }}
sites = ["{cloud_private_site}"]

[sources.cloud-public]
connector = "alfresco"
index = "public"
url = "{cloud}"
auth = {{ kind = "basic", username = "{crawler}", password = {{ file = "secrets/crawler-password" }} }}
sites = ["{cloud_public_site}"]
"""


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody of the sample repositories whom the demo lets you be."""

    name: str
    email: str


PEOPLE = (
    DemoPerson("My Dev User1", "my.dev.user1@example.com"),
    DemoPerson("My Manager User3", "my.manager.user3@example.com"),
    DemoPerson("Kendra User3", "kendra.user3@example.com"),
)


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """The demo's files. `prepare` makes what is missing and keeps what an earlier start left."""

    path: Path

    @property
    def settings_file(self) -> Path:
        return self.path / "sightline.toml"

    def prepare(self, *, onprem: str, cloud: str) -> None:
        """Write the settings for repositories at these addresses.

        Raises:
            SettingInvalid: the folder holds settings that the demo did not write, or cannot be written.
        """
        try:
            self._refuse_to_overwrite()
            (self.path / "secrets").mkdir(parents=True, exist_ok=True, mode=0o700)
            self._keep_secret("token-secret", secrets.token_hex(32))
            self._keep_secret("crawler-password", sample.sample_password(sample.CRAWLER))
            self.settings_file.write_text(_settings(onprem=onprem, cloud=cloud), encoding="utf-8")
        except OSError as error:
            raise SettingInvalid(f"--data: {self.path} cannot be used ({error.strerror})") from error

    def token_for(self, person: DemoPerson) -> str:
        """Make a token as an identity provider would, signed with the demo's own secret."""
        now = int(time.time())
        claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": person.email, "email": person.email, "name": person.name}
        key = OctKey.import_key((self.path / "secrets" / "token-secret").read_text(encoding="ascii"))
        lifetime = {"iat": now, "exp": now + TOKEN_LIFE_S}
        return jwt.encode({"alg": _ALGORITHM}, claims | lifetime, key, algorithms=[_ALGORITHM])

    def people(self) -> list[Mapping[str, str]]:
        """The people with a fresh token each, as the search page asks for them."""
        return [{"name": p.name, "email": p.email, "token": self.token_for(p)} for p in PEOPLE]

    def _refuse_to_overwrite(self) -> None:
        if self.settings_file.exists() and _MARK not in self.settings_file.read_text(encoding="utf-8"):
            raise SettingInvalid(f"--data: {self.settings_file} was not written by the demo and is left as it is")

    def _keep_secret(self, name: str, value: str) -> None:
        file = self.path / "secrets" / name
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(value, encoding="ascii")


def _settings(*, onprem: str, cloud: str) -> str:
    return _SETTINGS.format(
        mark=_MARK,
        issuer=_ISSUER,
        audience=_AUDIENCE,
        algorithm=_ALGORITHM,
        onprem=onprem,
        cloud=cloud,
        crawler=sample.CRAWLER,
        onprem_site=sample.ONPREM_SITE,
        onprem_folder=sample.ONPREM_FOLDER,
        aspect=sample.INDEX_CONTROL,
        cloud_private_site=sample.CLOUD_PRIVATE_SITE,
        cloud_public_site=sample.CLOUD_PUBLIC_SITE,
    )
