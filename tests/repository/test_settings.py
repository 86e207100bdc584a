"""kho.toml and the home folder: precedence, what is refused, and a new archive."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies.archive import ArchivePolicyError
from policies.findings import spoken
from repository.attention.notices import Notice, Why, send
from repository.settings.disks import disk_of
from repository.settings.home import Settings, SettingsError, check_database, init_home
from repository.settings.signing import key_of

MOUNTS = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:40 / /srv/nfs rw shared:1 - nfs4 server:/export rw
24 22 0:41 / /srv/with\\040space rw - cifs //server/share rw
25 22 0:42 / /mnt/s3 rw - fuse.s3fs s3fs rw
26 22 8:2 / /mnt/ntfs rw - fuseblk /dev/sdb1 rw
27 23 8:3 / /srv/nfs/local rw - xfs /dev/sdc1 rw
28 22 8:4 / /mnt/twice rw - ext4 /dev/sdd1 rw
29 28 0:43 / /mnt/twice rw - nfs server:/x rw
"""


def write(home: Path, text: str) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    (home / "kho.toml").write_text(text, encoding="utf-8")
    return home


TIERS = '[[tiers]]\nname = "a"\npath = "tiers/a"\n[[tiers]]\nname = "b"\npath = "/mnt/b"\n'


def test_a_new_archive_can_be_loaded(tmp_path: Path) -> None:
    made = init_home(tmp_path / "home")
    assert made == Settings.load(tmp_path / "home", environment={})
    assert [tier.name for tier in made.tiers] == ["a", "b"]
    assert made.tiers[0].path == tmp_path / "home" / "tiers" / "a"
    assert made.database == f"sqlite:///{tmp_path}/home/catalog.db"
    for folder in (made.spool, made.refused, made.quarantine, made.log):
        assert folder.is_dir()
    assert made.policy().copies.tiers == ("a", "b")
    assert made.policy().copies.need == 2
    assert not made.tiers[0].path.exists()


def test_a_new_archive_with_given_tiers(tmp_path: Path) -> None:
    made = init_home(tmp_path / "h", tiers={"đĩa-1": tmp_path / 'một "hai"', "x": "in/side"}, language="en")
    assert made.language == "en"
    assert made.tier("đĩa-1").path == tmp_path / 'một "hai"'
    assert made.tier("x").path == tmp_path / "h" / "in" / "side"
    assert made.policy().copies.tiers == ("đĩa-1", "x")


def test_an_archive_is_never_overwritten(tmp_path: Path) -> None:
    init_home(tmp_path)
    (tmp_path / "policy.toml").write_text("mine")
    before = (tmp_path / "kho.toml").read_bytes()
    with pytest.raises(SettingsError) as caught:
        init_home(tmp_path, tiers={"z": "z"})
    assert caught.value.code == "SET-EXISTS"
    assert (tmp_path / "kho.toml").read_bytes() == before
    assert (tmp_path / "policy.toml").read_text() == "mine"


def test_a_failed_start_leaves_no_archive(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        init_home(tmp_path, tiers={"a": "x", "b": "x"})
    assert not (tmp_path / "kho.toml").exists()
    assert init_home(tmp_path).tiers


def test_no_archive(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(tmp_path)
    assert caught.value.code == "SET-NO-HOME"


def test_flag_before_environment_before_file(tmp_path: Path) -> None:
    home = write(tmp_path, 'language = "vi"\n' + TIERS + '[serve]\nport = 1\nhost = "file"\n[malware]\nclamd = "file:1"\n')
    environment = {"KHO_PORT": "2", "KHO_HOST": "env", "KHO_DATABASE": "postgresql+psycopg://h/d", "KHO_LANGUAGE": ""}
    settings = Settings.load(home, flags={"port": "3"}, environment=environment)
    assert (settings.port, settings.host, settings.clamd, settings.language) == (3, "env", "file:1", "vi")
    assert settings.database == "postgresql+psycopg://h/d"


@pytest.mark.parametrize(
    ("text", "code", "word"),
    [
        ("", "SET-MISSING", "tiers"),
        ("x", "SET-SYNTAX", "TOML"),
        (TIERS + '[databse]\nurl = "x"\n', "SET-KEY", "databse"),
        (TIERS + '[database]\nulr = "x"\n', "SET-KEY", "database.ulr"),
        ('[[tiers]]\nname = "a"\n', "SET-MISSING", "tiers.path"),
        ('[[tiers]]\nname = "a/b"\npath = "x"\n', "SET-VALUE", "tiers.name"),
        ('[[tiers]]\nname = "default"\npath = "x"\n', "SET-VALUE", "tiers.name"),
        ('[[tiers]]\nname = "a"\nkind = "ftp"\npath = "x"\n', "SET-VALUE", "tiers.kind"),
        ('[[tiers]]\nname = "a"\nkind = "s3"\n', "SET-MISSING", "tiers.bucket"),
        ('[[tiers]]\nname = "a"\nkind = "s3"\nbucket = "b-1"\nendpoint = "http://u:p@h"\n', "SET-VALUE", "tiers.endpoint"),
        ('tiers = ["a"]\n', "SET-TYPE", "tiers"),
        ('language = "fr"\n' + TIERS, "SET-VALUE", "language"),
        (TIERS + "[serve]\nport = 99999\n", "SET-VALUE", "serve.port"),
        (TIERS + '[[api.tokens]]\nname = "x"\n', "SET-VALUE", "api.tokens.sha256"),
        (TIERS + '[[api.tokens]]\nname = "x"\nsha256 = "12"\n', "SET-VALUE", "64"),
        (TIERS + '[[api.tokens]]\nname = "x"\ntoken_file = "t"\ntoken_env = "T"\n', "SET-VALUE", "api.tokens.token_env"),
        (TIERS + f'[[api.tokens]]\nname = "x"\nsha256 = "{"0" * 64}"\ntoken_env = "T"\n', "SET-VALUE", "api.tokens.token_env"),
        (TIERS + f'[[api.tokens]]\nname = " "\nsha256 = "{"0" * 64}"\n', "SET-VALUE", "api.tokens.name"),
        (TIERS + "".join(f'[[api.tokens]]\nname = "{x}"\nsha256 = "{"0" * 64}"\n' for x in "xy"), "SET-VALUE", '"x"'),
        (TIERS + '[sign]\npkcs12 = "k.p12"\npassword_file = "p"\npassword_env = "P"\n', "SET-VALUE", "sign.password_env"),
        (TIERS + '[[tiers]]\nname = "A"\npath = "c"\n', "SET-TIERS", "A"),
        (TIERS + '[[tiers]]\nname = "c"\npath = "/mnt/b"\n', "SET-TIERS", "b"),
        (TIERS + '[[tiers]]\nname = "c"\npath = "/mnt/b/deeper"\n', "SET-TIERS", "b"),
        (TIERS + '[[tiers]]\nname = "c"\npath = "/mnt"\n', "SET-TIERS", "b"),
        (TIERS + '[[tiers]]\nname = "c"\npath = "spool/c"\n', "SET-TIERS", "spool"),
        (TIERS + '[[tiers]]\nname = "c"\npath = "."\n', "SET-TIERS", "c"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, code: str, word: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(write(tmp_path, text), environment={})
    assert caught.value.code == code
    for language in ("en", "vi"):
        said = caught.value.finding.text(language)
        assert word in said
        assert "kho.toml" in said
        assert "{" not in said


def test_what_is_read_at_once_is_told_by_kind_and_storage_class(tmp_path: Path) -> None:
    bucket = '[[tiers]]\nname = "{0}"\nkind = "s3"\nbucket = "archive-{1}"\nstorage_class = "{2}"\n'
    classes = {"warm": "", "soon": "GLACIER_IR", "cold": "GLACIER", "deep": "DEEP_ARCHIVE"}
    tape = '[[tiers]]\nname = "tape"\nkind = "tape"\nchanger = "/dev/sg3"\ndrives = ["/dev/sg1"]\n'
    text = "".join(bucket.format(name, name, its) for name, its in classes.items()) + tape + TIERS
    tiers = Settings.load(write(tmp_path, text)).tiers
    assert [tier.name for tier in tiers if not tier.place.online] == ["cold", "deep", "tape"]


def test_two_names_for_one_folder_are_found_out(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(SettingsError) as caught:
        Settings.load(write(tmp_path, '[[tiers]]\nname = "a"\npath = "real"\n[[tiers]]\nname = "b"\npath = "link"\n'))
    assert caught.value.code == "SET-TIERS"


def test_a_number_from_the_environment_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(write(tmp_path, TIERS), environment={"KHO_PORT": "many"})
    assert caught.value.code == "SET-VALUE"
    assert "KHO_PORT" in caught.value.finding.text()


def test_tokens_by_digest_and_by_reference(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret\n")
    digest = hashlib.sha256(b"other").hexdigest()
    text = f'{TIERS}[[api.tokens]]\nname = "one"\nsha256 = "{digest}"\n[[api.tokens]]\nname = "two"\ntoken_file = "{secret}"\n'
    settings = Settings.load(write(tmp_path / "h", text), environment={})
    found = [settings.token(word) for word in ("other", "s3cret", "s3cret\n", "")]
    assert [token.name if token else None for token in found] == ["one", "two", None, None]
    assert "s3cret" not in repr(settings)


def test_which_token_is_meant_is_told_by_its_line(tmp_path: Path) -> None:
    good = f'[[api.tokens]]\nname = "one"\nsha256 = "{"0" * 64}"\n'
    with pytest.raises(SettingsError, match=r"api\.tokens\.sha256 \(line 12\)"):
        Settings.load(write(tmp_path, TIERS + good + '[[api.tokens]]\nname = "two"\nsha256 = "12"\n'), environment={})


def test_a_token_file_of_the_home_is_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = write(tmp_path / "h", TIERS + '[[api.tokens]]\nname = "one"\ntoken_file = "secrets/one"\n')
    (home / "secrets").mkdir()
    (home / "secrets" / "one").write_bytes("\ufeffs3cret\r\n".encode())
    monkeypatch.chdir(tmp_path)
    settings = Settings.load(home, environment={})
    settings.check_tokens()
    assert settings.token("s3cret") is not None


def test_an_empty_token_file_is_told_of_and_is_nobodys_token(tmp_path: Path) -> None:
    home = write(tmp_path, TIERS + '[[api.tokens]]\nname = "one"\ntoken_file = "empty"\n')
    (home / "empty").write_text("\n")
    settings = Settings.load(home, environment={})
    assert settings.token("") is None
    with pytest.raises(SettingsError, match="nothing in that file"):
        settings.check_tokens()


def test_database_url_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = write(tmp_path, TIERS + '[database]\nurl_env = "MY_URL"\n')
    monkeypatch.setenv("MY_URL", "postgresql+psycopg://u:p@h/d")
    assert Settings.load(home).database == "postgresql+psycopg://u:p@h/d"
    monkeypatch.delenv("MY_URL")
    with pytest.raises(SettingsError, match="not set"):
        Settings.load(home)


def test_a_policy_with_an_unknown_tier_is_refused(tmp_path: Path) -> None:
    settings = init_home(tmp_path)
    (tmp_path / "policy.toml").write_text('[copies.default]\ntiers = ["a", "q"]\nneed = 2\n')
    with pytest.raises(ArchivePolicyError) as caught:
        settings.policy()
    assert caught.value.code == "POL-TIER"
    (tmp_path / "policy.toml").unlink()
    with pytest.raises(SettingsError) as missing:
        settings.policy()
    assert missing.value.code == "SET-NO-POLICY"
    (tmp_path / "policy.toml").mkdir()
    with pytest.raises(SettingsError) as folder:
        settings.policy()
    assert folder.value.code == "SET-UNREADABLE"


@pytest.mark.parametrize(
    ("path", "type_", "remote"),
    [
        ("/var/x", "ext4", False),
        ("/srv/nfs", "nfs4", True),
        ("/srv/nfs/deep/er", "nfs4", True),
        ("/srv/nfsx", "ext4", False),
        ("/srv/with space/x", "cifs", True),
        ("/mnt/s3/x", "fuse.s3fs", True),
        ("/mnt/ntfs/x", "fuseblk", False),
        ("/srv/nfs/local/x", "xfs", False),
        ("/mnt/twice/x", "nfs", True),
    ],
)
def test_which_disk_a_path_lies_on(tmp_path: Path, path: str, type_: str, remote: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    disk = disk_of(path, mounts=str(mounts))
    assert disk is not None
    assert (disk.type, disk.remote) == (type_, remote)


def test_sqlite_on_a_network_disk_is_refused_and_postgresql_advised(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    check_database("postgresql+psycopg://server/srv/nfs", mounts=str(mounts))
    check_database("sqlite:////var/kho/catalog.db", mounts=str(mounts))
    check_database("sqlite://", mounts=str(mounts))
    for url in ("sqlite:////srv/nfs/catalog.db", "sqlite+pysqlite:////srv/with space/c.db?timeout=3"):
        with pytest.raises(SettingsError) as caught:
            check_database(url, mounts=str(mounts))
        assert caught.value.code == "SET-NETWORK-DISK"
        assert "PostgreSQL" in caught.value.finding.todo("vi")


def test_this_machine_tells_its_disks() -> None:
    disk = disk_of("/proc/self")
    assert disk is not None
    assert disk.type == "proc"
    assert disk_of("/x", mounts="/no/such/table") is None


def test_a_home_with_spaces_and_percent(tmp_path: Path) -> None:
    home = tmp_path / "kho lưu trữ 100%20"
    assert init_home(home).database == f"sqlite:///{home}/catalog.db"


def test_a_home_that_no_url_can_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        init_home(tmp_path / "what?")
    assert caught.value.code == "SET-VALUE"


def test_a_secret_that_few_commands_need_keeps_no_other_from_working(tmp_path: Path) -> None:
    """Perhaps only the worker's user may read it, and only the worker has the variable."""
    text = (
        '[sign]\npkcs12 = "k.p12"\npassword_env = "NOT_SET"\n[notices]\nwebhook = "https://example.vn"\ntoken_file = "gone"\n'
        '[notices.mail]\nserver = "mail.example.vn"\nfrom = "a@b.vn"\nto = ["c@d.vn"]\npassword_env = "NOT_SET"\n'
    )
    settings = Settings.load(write(tmp_path, TIERS + text), environment={})
    assert settings.sign is not None
    with pytest.raises(SettingsError, match="not set"):
        key_of(settings.sign)
    assert settings.notices is not None
    notice = Notice(Why.ASKED, datetime(2026, 1, 1, tzinfo=UTC), ())
    failed = send(notice, settings.notices, name="x", language="vi")
    assert "chưa được đặt" in spoken(failed["mail"], "vi")
    assert "gone" in failed["webhook"]
