"""What a settings file may say, and what is said back when it may not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from indexer.backends.opensearch.config import IndexOptions, PasswordSignIn
from service.admin.key_config import Scope
from service.settings.indexes import EmbeddedIndexSettings, IndexAccess, OpenSearchIndexSettings
from service.settings.settings import Settings, SettingsRefused, load_settings, settings_file
from vocabulary.errors import SettingInvalid, SettingMissing

SECRET = "correct-horse-battery-staple-0123456789"

COMPLETE = """
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
issuer = "https://idp.example.com"
audience = "sightline"
algorithms = ["HS256"]
shared_secret = { file = "token-secret" }

[sources.onprem-private]
connector = "alfresco"
index = "private"
url = "https://alfresco.example.com"
ca_certificate = "certs/ca.pem"
auth = { kind = "basic", username = "crawler", password = { file = "password" } }
sites = ["MySite"]
match_user_by = "username"

[sources.files]
connector = "filesystem"
index = "public"
root = "share"
"""

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write the settings and read them as the program does."""

    def write_and_load(text: str, environment: Mapping[str, str] | None = None) -> Settings:
        (tmp_path / "token-secret").write_text(SECRET)
        (tmp_path / "password").write_text(SECRET)
        (tmp_path / "sightline.toml").write_text(text)
        return load_settings(tmp_path / "sightline.toml", environment or {})

    return write_and_load


@pytest.fixture
def problems_of(load: Load) -> Callable[..., tuple[str, ...]]:
    """Read settings that must be refused, and return the lines."""

    def problems(text: str, environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
        with pytest.raises(SettingsRefused) as refused:
            load(text, environment)
        assert SECRET not in str(refused.value)
        return refused.value.problems

    return problems


def changed(old: str, new: str) -> str:
    assert old in COMPLETE
    return COMPLETE.replace(old, new)


def test_a_complete_file_is_read_with_defaults_filled_in(load: Load) -> None:
    settings = load(COMPLETE)
    assert settings.indexes["private"].access is IndexAccess.TOKEN
    assert settings.sources["onprem-private"].delete_brake == 0.15
    assert settings.sources["onprem-private"].connection.sites == ("MySite",)
    assert settings.sources["files"].match_user_by == "email"
    assert settings.sources_of("private") == ("onprem-private",)
    assert (settings.is_public("onprem-private"), settings.is_public("files")) == (False, True)


def test_an_empty_file_has_a_state_and_nothing_to_search(load: Load, tmp_path: Path) -> None:
    settings = load("")
    assert settings.state.url == f"sqlite:///{tmp_path}/sightline-data/state.db"
    assert (settings.indexes, settings.sources, settings.tokens) == ({}, {}, ())


def test_relative_paths_start_at_the_folder_of_the_file(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    settings = load(COMPLETE)
    assert settings.state.url == f"sqlite:///{tmp_path}/data/state.db"
    private = settings.indexes["private"]
    assert isinstance(private, EmbeddedIndexSettings)
    assert private.path == tmp_path / "data/private"
    assert settings.sources["onprem-private"].connection.ca_certificate == tmp_path / "certs/ca.pem"
    assert settings.sources["files"].connection.root == tmp_path / "share"


def test_an_index_without_a_stated_access_asks_for_tokens(load: Load) -> None:
    assert load(changed('access = "token"\n', "")).indexes["private"].access is IndexAccess.TOKEN


def test_every_key_can_be_set_by_the_environment(load: Load) -> None:
    settings = load(
        COMPLETE,
        {
            "SIGHTLINE_STATE__URL": "sqlite:////elsewhere/state.db",
            "SIGHTLINE_INDEXES__PUBLIC__ACCESS": "token",
            "SIGHTLINE_SOURCES__ONPREM_PRIVATE__URL": "https://other.example.com",
            "SIGHTLINE_SOURCES__ONPREM_PRIVATE__SITES": '["A", "B"]',
            "SIGHTLINE_SOURCES__ONPREM_PRIVATE__AUTH__USERNAME": "somebody",
            "SIGHTLINE_SOURCES__ONPREM_PRIVATE__DELETE_BRAKE": "0.5",
            "SIGHTLINE_TOKENS__0__AUDIENCE": "other",
            "SIGHTLINE_EXTRACTION__TIMEOUT_S": "7",
            "SIGHTLINE_EMBEDDER__THREADS": "1",
        },
    )
    source = settings.sources["onprem-private"]
    assert settings.state.url == "sqlite:////elsewhere/state.db"
    assert settings.indexes["public"].access is IndexAccess.TOKEN
    assert (source.connection.url, source.connection.sites) == ("https://other.example.com", ("A", "B"))
    assert (source.connection.auth.username, source.delete_brake) == ("somebody", 0.5)
    assert settings.tokens[0].audience == "other"
    assert (settings.extraction.timeout_s, settings.embedder.threads) == (7.0, 1)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("[indexes.private]", "[index.private]", "index: unknown key (did you mean indexes?)"),
        ("[state]", "[stat]", "stat: unknown key (did you mean state?)"),
        ('url = "sqlite', 'urls = "sqlite', "state.urls: unknown key (did you mean url?)"),
        ('path = "data/private"', "", "indexes.private.path: is required"),
        ('access = "token"', 'acess = "token"', "indexes.private.acess: unknown key (did you mean access?)"),
        ('access = "token"', 'access = "everyone"', "indexes.private.access: should be 'token' or 'public'"),
        ('engine = "embedded"', 'engine = "solr"', "indexes.private.engine: must be one of 'embedded', 'opensearch'"),
        ('engine = "embedded"', 'engine = "opensearch"', "indexes.private.url: is required"),
        ("audience", "audiense", "tokens.0.audience: is required"),
        ('kind = "jwt"', 'kind = "saml"', "tokens.0.kind: must be one of 'jwt', 'openid', 'json'"),
        ('index = "private"', "", "sources.onprem-private.index: is required"),
        ('index = "private"', 'index = "other"', "sources.onprem-private.index: no such index"),
        ('connector = "alfresco"', 'connector = "sharepoint"', "sources.onprem-private.connector: no such connector"),
        ('connector = "alfresco"', "", "sources.onprem-private.connector: is required"),
        ('username = "crawler"', 'user = "crawler"', "sources.onprem-private.auth.username: is required"),
        (
            'sites = ["MySite"]',
            'sites = ["MySite"]\nsite = "x"',
            "sources.onprem-private.site: unknown key (did you mean sites?)",
        ),
        ('sites = ["MySite"]', 'sites = ["MySite"]\ndelete_brake = 2', "sources.onprem-private.delete_brake: should"),
        ('kind = "basic"', 'kind = "kerberos"', "sources.onprem-private.auth.kind: must be one of 'basic', 'ticket'"),
        ('kind = "basic", ', "", "sources.onprem-private.auth.kind: is required"),
        ('kind = "basic"', 'kind = "ticket", ticket = "x"', "sources.onprem-private.auth.ticket: unknown key"),
        ('kind = "basic"', 'kind = "oauth2"', "sources.onprem-private.auth.token_url: is required"),
        (
            'username = "crawler"',
            'usrname = "crawler"',
            "sources.onprem-private.auth.usrname: unknown key (did you mean",
        ),
        ('root = "share"', "", "sources.files.root: is required"),
        ("[sources.files]", "[sources.My_Files]", "sources.My_Files: "),
        ('path = "data/public"', 'path = "data/private"', "indexes.public.path: is another index's path, too"),
        (
            'path = "data/public"',
            'path = "data/private-vectors"',
            "indexes.public.path: is where indexes.private keeps",
        ),
        (
            'path = "data/public"',
            'path = "data/private.2-picture"',
            "indexes.public.path: is where indexes.private keeps",
        ),
        ('path = "data/public"', 'path = "data/private.3"', "indexes.public.path: is where indexes.private keeps"),
        ('url = "sqlite:///data/state.db"', 'url = "mysql://x/y"', "state.url: expected a database of sqlite or"),
    ],
)
def test_each_mistake_is_one_line_that_opens_with_the_path_of_its_key(
    problems_of: Callable[..., tuple[str, ...]], old: str, new: str, line: str
) -> None:
    assert any(problem.startswith(line) for problem in problems_of(changed(old, new)))


OAUTH2 = 'kind = "oauth2", token_url = "https://idp.example.com/token", client_id = "c"'
CLIENT_SECRET = 'client_secret = { file = "password" }'


def test_an_index_of_a_cluster_is_read_with_its_sign_in(load: Load, tmp_path: Path) -> None:
    settings = load(
        COMPLETE.replace(
            'engine = "embedded"\npath = "data/private"',
            'engine = "opensearch"\nurl = ["https://one:9200", "https://two"]\nusername = "sightline"\n'
            'password = { file = "password" }\nca_certificate = "certs/ca.pem"\nshards = 3\nm = 32',
        )
    )
    index = settings.indexes["private"]
    assert isinstance(index, OpenSearchIndexSettings)
    config = index.config("private")
    assert (config.urls, config.alias) == (("https://one:9200", "https://two"), "sightline-private")
    assert isinstance(config.sign_in, PasswordSignIn)
    assert config.sign_in.password.get_secret_value() == SECRET
    assert config.ca_certificate == tmp_path / "certs/ca.pem"
    assert config.options == IndexOptions(shards=3, m=32)
    assert SECRET not in repr(config) + repr(settings)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ('url = "search:9200"', "indexes.private.url: expected https://host:port, without a name or password"),
        (
            'url = "https://me:secret@search:9200"',
            "indexes.private.url: expected https://host:port, without a name or password",
        ),
        (
            'url = "https://x1.eu-central-1.aoss.amazonaws.com"\naws_region = "eu-central-1"',
            "indexes.private.url: expected no OpenSearch Serverless, which lacks what the engine needs",
        ),
        ("url = []", "indexes.private.url: expected https://host:port"),
        ('url = "https://s"\nusername = "me"', "indexes.private: username and password go together"),
        ('url = "https://s"\npassword = "s3cret"', "indexes.private.password: a secret is not written into"),
        (
            'url = "https://s"\naws_region = "eu-central-1"\nclient_certificate = "me.pem"',
            "indexes.private: only one of username, client_certificate and aws_region says how to sign in",
        ),
        ('url = "https://s"\nclient_key = "key.pem"', "indexes.private: client_key needs a client_certificate"),
        ('url = "http://s"\nca_certificate = "ca.pem"', "indexes.private: certificates need an https url"),
        ('url = "https://s"\nalias = "Private"', "indexes.private.alias: "),
        ('url = "https://s"\nvector_engine = "annoy"', "indexes.private.vector_engine: should be 'lucene' or 'faiss'"),
        ('url = "https://s"\nreplica = 0', "indexes.private.replica: unknown key (did you mean replicas?)"),
    ],
)
def test_each_mistake_in_an_index_of_a_cluster_is_told(
    problems_of: Callable[..., tuple[str, ...]], keys: str, line: str
) -> None:
    text = changed('engine = "embedded"\npath = "data/private"', f'engine = "opensearch"\n{keys}')
    (problem,) = problems_of(text)
    assert problem.startswith(line), problem


def test_two_indexes_never_share_an_alias(problems_of: Callable[..., tuple[str, ...]]) -> None:
    cluster = 'engine = "opensearch"\nurl = "https://search"\nalias = "one"'
    text = COMPLETE.replace('engine = "embedded"\npath = "data/private"', cluster)
    text = text.replace('engine = "embedded"\npath = "data/public"', cluster)
    assert problems_of(text) == (
        "indexes.private.alias: is another index's alias, too",
        "indexes.public.alias: is another index's alias, too",
    )


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (OAUTH2, 'auth: grant "client_credentials" requires client_secret'),
        (f'{OAUTH2}, {CLIENT_SECRET}, username = "u"', 'auth: grant "client_credentials" takes no username'),
        (f'{OAUTH2}, grant = "password", username = "u"', 'auth: grant "password" requires password'),
        (f'{OAUTH2}, {CLIENT_SECRET}, grant = "code"', "auth.grant: should be 'client_credentials' or 'password'"),
        (f'{OAUTH2}, {CLIENT_SECRET}, client_auth = "jwt"', "auth.client_auth: should be 'basic' or 'body'"),
        (f'{OAUTH2}, client_secret = "{SECRET}"', "auth.client_secret: a secret is not written into"),
        (f'{OAUTH2}, clientsecret = {{ file = "password" }}', "auth.clientsecret: unknown key (did you mean client_se"),
        (OAUTH2.replace("https://", f"https://c:{SECRET}@"), "auth.token_url: expected the bare address"),
        (OAUTH2.replace("https://", "ftp://"), "auth.token_url: expected an address such as https://"),
    ],
)
def test_each_mistake_in_an_oauth2_sign_in_is_told_in_one_line(
    problems_of: Callable[..., tuple[str, ...]], keys: str, line: str
) -> None:
    basic = 'kind = "basic", username = "crawler", password = { file = "password" }'
    problems = problems_of(changed(basic, keys))
    assert any(problem.startswith(f"sources.onprem-private.{line}") for problem in problems)


def test_a_wrong_rule_is_told_with_its_place(problems_of: Callable[..., tuple[str, ...]]) -> None:
    rules = 'exclude = ["*.tmp", { property = "acme:state", matches = "(?=x)" }, { nmae = "*.bak" }, "a**"]'
    assert problems_of(changed('sites = ["MySite"]', f'sites = ["MySite"]\n{rules}')) == (
        "sources.onprem-private.exclude.1.matches: not a pattern of RE2: invalid perl operator",
        "sources.onprem-private.exclude.2.nmae: unknown key (did you mean name?)",
        "sources.onprem-private.exclude.3: ** stands for whole folders: write it between slashes",
    )


def test_a_wrong_entry_of_a_list_is_told_once(problems_of: Callable[..., tuple[str, ...]]) -> None:
    (problem,) = problems_of(changed('algorithms = ["HS256"]', 'algorithms = ["HS265"]'))
    assert problem.startswith("tokens.0.algorithms.0: should be 'HS256'")


def test_all_mistakes_are_told_at_once(problems_of: Callable[..., tuple[str, ...]]) -> None:
    text = changed('index = "private"', "nonsense = 1").replace('root = "share"', "").replace("audience", "audiense")
    told = [problem.partition(":")[0] for problem in problems_of(text)]
    assert set(told) >= {"tokens.0.audience", "sources.onprem-private.index", "sources.files.root"}


@pytest.mark.parametrize(
    ("old", "key"),
    [
        ('password = { file = "password" }', "sources.onprem-private.auth.password"),
        ('shared_secret = { file = "token-secret" }', "tokens.0.shared_secret"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(
    problems_of: Callable[..., tuple[str, ...]], old: str, key: str
) -> None:
    name = old.partition(" ")[0]
    (problem,) = problems_of(changed(old, f'{name} = "{SECRET}"'))
    assert problem.startswith(f"{key}: a secret is not written into the configuration")


def test_a_secret_that_is_not_there_is_named(problems_of: Callable[..., tuple[str, ...]]) -> None:
    (problem,) = problems_of(changed('password = { file = "password" }', 'password = { env = "NO_SUCH_PASSWORD" }'))
    assert problem.startswith("sources.onprem-private.auth.password: the environment variable NO_SUCH_PASSWORD")


def test_a_secret_typed_into_a_wrong_place_is_not_repeated(problems_of: Callable[..., tuple[str, ...]]) -> None:
    for old, new in [
        ('auth = { kind = "basic", username = "crawler", password = { file = "password" } }', f'auth = "{SECRET}"'),
        ('kind = "basic"', f'kind = "{SECRET}"'),
        ('url = "https://alfresco.example.com"', f'url = "https://crawler:{SECRET}@alfresco.example.com"'),
        ('url = "sqlite:///data/state.db"', f'url = "oracle://user:{SECRET}@db/x"'),
    ]:
        assert problems_of(changed(old, new))


def test_settings_never_show_their_secrets(load: Load) -> None:
    database = {"SIGHTLINE_STATE__URL": f"postgresql+psycopg://sightline:{SECRET}@db/state"}
    settings = load(COMPLETE, database)
    assert SECRET in settings.state.url
    assert SECRET not in repr(settings)


def test_hits_are_not_confirmed_by_a_source_that_adopts_groups(
    load: Load, problems_of: Callable[..., tuple[str, ...]]
) -> None:
    """It does not know of them itself: it would deny what they give."""
    text = changed('access = "token"', 'access = "token"\nlate_check = 10')
    text = text.replace('algorithms = ["HS256"]', 'algorithms = ["HS256"]\ngroups_claim = "groups"')
    assert load(text).indexes["private"].late_check == 10
    adopting = 'match_user_by = "username"\nadopt_groups = { issuer = "https://idp.example.com" }'
    text = text.replace('match_user_by = "username"', adopting)
    assert problems_of(text) == (
        "indexes.private.late_check: onprem-private adopts groups, and would deny what they give",
    )


def test_one_issuer_is_configured_once(problems_of: Callable[..., tuple[str, ...]]) -> None:
    entry = COMPLETE[COMPLETE.index("[[tokens]]") : COMPLETE.index("[sources.onprem-private]")]
    assert problems_of(COMPLETE + entry) == ("tokens.1.issuer: is another entry's issuer, too",)


ADMIN = """
[[admin.keys]]
name = "support"
key = { file = "admin-key" }
scopes = ["search-as", "explain"]
"""


def with_admin(load: Load, tmp_path: Path, text: str = ADMIN, *, key: str = "k" * 32) -> Settings:
    (tmp_path / "admin-key").write_text(key)
    return load(COMPLETE + text)


MODELS = """
[[models.keys]]
name = "assistant"
key = { file = "model-key" }
"""


def with_model_key(load: Load, tmp_path: Path, key: str, text: str = MODELS) -> Settings:
    (tmp_path / "model-key").write_text(key)
    return load(f"{COMPLETE}\n{text}\n{ADMIN}")


def test_programs_have_keys_for_the_models(load: Load, tmp_path: Path) -> None:
    (tmp_path / "admin-key").write_text("k" * 32)
    (entry,) = with_model_key(load, tmp_path, "m" * 32).model_keys
    assert (entry.name, entry.key.get_secret_value()) == ("assistant", "m" * 32)
    assert load(COMPLETE).model_keys == ()


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("k" * 32, MODELS, "models.keys.0.key: is another entry's key, too"),  # an administrator's
        ("m" * 32, MODELS * 2, "models.keys.1.name: is another entry's name, too"),
        ("short", MODELS, "models.keys.0.key: at least 32 characters are needed, random ones"),
        ("m" * 32, MODELS + 'scopes = ["sync"]', "models.keys.0.scopes: unknown key"),
    ],
)
def test_a_model_key_that_cannot_work_stops_the_start(
    load: Load, tmp_path: Path, key: str, text: str, problem: str
) -> None:
    (tmp_path / "admin-key").write_text("k" * 32)
    with pytest.raises(SettingsRefused) as refused:
        with_model_key(load, tmp_path, key, text)
    assert problem in "\n".join(refused.value.problems)


def test_administrators_have_keys_and_scopes(load: Load, tmp_path: Path) -> None:
    (entry,) = with_admin(load, tmp_path).admin_keys
    assert (entry.name, entry.key.get_secret_value()) == ("support", "k" * 32)
    assert entry.scopes == (Scope.SEARCH_AS, Scope.EXPLAIN)
    assert load(COMPLETE).admin_keys == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (('name = "support"', 'name = "command line"'), "admin.keys.0.name: string should match pattern"),
        (('"explain"', '"everything"'), "admin.keys.0.scopes.1: should be 'sources'"),
        (('["search-as", "explain"]', "[]"), "admin.keys.0.scopes: tuple should have at least 1 item"),
        (("scopes", "scope"), "admin.keys.0.scope: unknown key (did you mean scopes?)"),
        (('{ file = "admin-key" }', f'"{SECRET}"'), "admin.keys.0.key: a secret is not written into the"),
        (("[[admin.keys]]", "[[admin.kees]]"), "admin.kees: unknown key"),
    ],
)
def test_an_admin_key_that_cannot_work_stops_the_start(
    load: Load, tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    with pytest.raises(SettingsRefused) as refused:
        with_admin(load, tmp_path, ADMIN.replace(*change))
    assert any(told.lower().startswith(problem.lower()) for told in refused.value.problems), refused.value.problems
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("short" * 6, "admin.keys.0.key: at least 32 characters are needed, random ones"),
        (f"{SECRET} and more", "admin.keys.0.key: may have letters, digits and . _ ~ + / - only, and = at its end"),
        (f"{SECRET}ü", "admin.keys.0.key: may have letters, digits and . _ ~ + / - only, and = at its end"),
    ],
)
def test_a_key_that_can_be_guessed_or_not_be_sent_stops_the_start(
    load: Load, tmp_path: Path, key: str, problem: str
) -> None:
    with pytest.raises(SettingsRefused) as refused:
        with_admin(load, tmp_path, key=key)
    assert refused.value.problems == (problem,)


def test_two_administrators_share_neither_name_nor_key(load: Load, tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as refused:
        with_admin(load, tmp_path, ADMIN + ADMIN)
    assert refused.value.problems == (
        "admin.keys.1.name: is another entry's name, too",
        "admin.keys.1.key: is another entry's key, too",
    )


def test_a_token_index_is_not_served_without_an_issuer(load: Load) -> None:
    start, end = COMPLETE.index("[[tokens]]"), COMPLETE.index("[sources.onprem-private]")
    settings = load(COMPLETE[:start] + COMPLETE[end:])
    with pytest.raises(SettingMissing, match=r"\[\[tokens\]\]"):
        settings.require_issuers()


def test_a_file_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingMissing, match="sightline init"):
        load_settings(tmp_path / "none.toml", {})


@pytest.mark.parametrize("content", [b"[state", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "sightline.toml"
    file.write_bytes(content)
    with pytest.raises(SettingInvalid, match=r"sightline\.toml: not "):
        load_settings(file, {})


def test_the_command_line_chooses_the_file_before_the_environment_and_that_before_the_folder() -> None:
    assert settings_file(Path("given.toml"), {"SIGHTLINE_CONFIG": "env.toml"}) == Path("given.toml")
    assert settings_file(None, {"SIGHTLINE_CONFIG": "env.toml"}) == Path("env.toml")
    assert settings_file(None, {}) == Path("sightline.toml")
