"""Any sequence of commands on keys, at any time, with old backups in between: what counters believe stays true."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from keys.algorithms import Purpose
from keys.authority.authority import Authority
from keys.authority.errors import AuthorityError
from keys.chain import ChainError, ChainReason
from keys.custody import CustodyError
from keys.registry.lifecycle import RULES, KeyState, periods
from keys.registry.registry import KeyRecord
from keys.rotation.rotation import Rotation
from keys.status_list import Status
from keys.trust import TrustStore
from tests.key_home import ALONE, TWO, Home

SOAK = 10 if os.environ.get("SOAK") else 1
PURPOSES = st.sampled_from(list(RULES))
NAMES = st.builds("{}-{}".format, st.sampled_from([rules.label for rules in RULES.values()]), st.integers(1, 4))
REASONS = st.sampled_from(["", "because"])
PEOPLE = st.sampled_from([TWO, TWO, TWO, ALONE])
ENDED = frozenset({KeyState.RETIRED, KeyState.DESTROYED, KeyState.COMPROMISED})


class KeyLife(RuleBasedStateMachine):
    """The model is small: what was once seen and may never be taken back."""

    backups = Bundle("backups")

    @initialize()
    def found(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.home = Home(Path(self.folder.name), documents_per_key=20)
        self.revoked: dict[int, datetime] = {}
        self.invalid: set[int] = set()
        self.states: dict[str, KeyState] = {}
        self.counts: dict[str, int] = {}
        self.crl_number = 0

    def rotation(self, actor: object = TWO) -> Rotation:
        return self.home.rotation(actor)  # type: ignore[arg-type]

    def attempt(self, act: object) -> None:
        """A command may be refused for a reason, and for nothing else."""
        assert callable(act)
        with contextlib.suppress(AuthorityError, CustodyError):
            act()

    @rule(purpose=PURPOSES, actor=PEOPLE)
    def rotate(self, purpose: Purpose, actor: object) -> None:
        self.attempt(lambda: self.rotation(actor).rotate(purpose))

    @rule(name=NAMES, reason=REASONS)
    def replace(self, name: str, reason: str) -> None:
        self.attempt(lambda: self.rotation().replace(name, override=reason))

    @rule(purpose=PURPOSES, another=st.booleans(), reason=REASONS, days=st.integers(0, 40))
    def stage(self, purpose: Purpose, another: bool, reason: str, days: int) -> None:
        begin = self.home.now + timedelta(days=days)
        self.attempt(lambda: self.rotation().stage(purpose, active_from=begin, another=another, override=reason))

    @rule(purpose=PURPOSES, reason=REASONS)
    def activate(self, purpose: Purpose, reason: str) -> None:
        self.attempt(lambda: self.rotation().activate(purpose, override=reason))

    @rule(name=NAMES, reason=REASONS)
    def retire(self, name: str, reason: str) -> None:
        self.attempt(lambda: self.rotation().retire(name, override=reason))

    @rule(name=NAMES, reason=REASONS, actor=PEOPLE)
    def destroy(self, name: str, reason: str, actor: object) -> None:
        self.attempt(lambda: self.rotation(actor).destroy(name, override=reason))

    @rule(name=NAMES, reason=REASONS)
    def revoke(self, name: str, reason: str) -> None:
        self.attempt(lambda: self.rotation().revoke(name, override=reason))

    @rule(name=NAMES, days=st.integers(-2, 20))
    def compromise(self, name: str, days: int) -> None:
        since = self.home.now - timedelta(days=days)
        self.attempt(lambda: self.rotation().compromise(name, since=since))

    @rule()
    def refresh(self) -> None:
        self.attempt(lambda: self.home.open().refresh())

    @rule(index=st.integers(0, 5))
    def revoke_a_card(self, index: int) -> None:
        def act() -> None:
            self.home.open().publish_status(index, Status.INVALID)
            self.invalid.add(index)

        self.attempt(act)

    @rule(count=st.integers(1, 7))
    def sign(self, count: int) -> None:
        self.attempt(lambda: self.home.open().document_signer.count_ahead(count))

    @rule(days=st.sampled_from([0.01, 1, 7, 14, 30, 75]))
    def later(self, days: float) -> None:
        self.home.days(days)

    @rule(target=backups)
    def copy_the_registry(self) -> bytes:
        path = os.path.join(self.folder.name, "copy.db")
        self.home.open().registry.snapshot(path)
        data = Path(path).read_bytes()
        os.unlink(path)
        return data

    @rule(data=backups)
    def put_an_old_registry_back(self, data: bytes) -> None:
        """By hand, under the trust directory as it stands: states may go back, revocations and compromises may not."""
        authority = self.home.open()
        compromised = {key.name for key in authority.registry.keys if key.state is KeyState.COMPROMISED and key.serial}
        authority.registry.close()
        assert not (self.home.path / "registry.db-wal").exists()  # nobody holds it open
        (self.home.path / "registry.db").unlink()
        (self.home.path / "registry.db").write_bytes(data)
        kept = {key.name: key.state for key in self.home.open().registry.keys}
        for name in compromised & set(kept):
            number = int(self.home.open().registry.by_name(name).serial or "0", 16)
            if number in self.home.open().published_crl().revoked:
                assert kept[name] in ENDED
        # What the model saw of states and counts is the old registry's again; the public record is not.
        self.states, self.counts = {}, {}

    @invariant()
    def what_was_revoked_stays_revoked(self) -> None:
        if not hasattr(self, "home"):
            return
        authority = self.home.open()
        crl = authority.published_crl()
        for serial, at in self.revoked.items():
            assert crl.revoked[serial] <= at
        self.revoked = dict(crl.revoked)
        assert crl.number >= self.crl_number
        self.crl_number = crl.number
        statuses = authority.published_statuses()
        assert all(statuses.lookup(index) is Status.INVALID for index in self.invalid)

    @invariant()
    def lives_go_forward(self) -> None:
        if not hasattr(self, "home"):
            return
        keys = self.home.open().registry.keys
        for purpose in RULES:
            of_purpose = [key for key in keys if key.purpose is purpose]
            assert sum(key.state is KeyState.ACTIVE for key in of_purpose) <= 1
            assert [key.generation for key in of_purpose] == sorted({key.generation for key in of_purpose})
        for key in keys:
            before = self.states.get(key.name)
            assert before is not KeyState.COMPROMISED or key.state is KeyState.COMPROMISED
            assert before is not KeyState.DESTROYED or key.state is KeyState.DESTROYED
            assert before not in ENDED or key.state in ENDED
            assert key.signatures >= self.counts.get(key.name, 0)
            assert key.cap is None or key.signatures <= key.cap
        self.states = {key.name: key.state for key in keys}
        self.counts = {key.name: key.signatures for key in keys}
        self.home.open().registry.events()

    @invariant()
    def what_may_sign_is_believed(self) -> None:
        """Every signer that the authority hands out now, a counter believes now."""
        if not hasattr(self, "home"):
            return
        authority = self.home.open()
        trust = TrustStore.load(authority.trust_dir)
        for key in authority.registry.keys:
            signs = key.state is KeyState.ACTIVE and key.certificate and key.purpose is not Purpose.CSCA
            if signs and key.active_until is not None and authority.clock() <= key.active_until:
                assert _refused(authority, trust, key) in {None, ChainReason.CRL_STALE}
            if key.state is KeyState.COMPROMISED and int(key.serial or "0", 16) in authority.published_crl().revoked:
                assert _refused(authority, trust, key) is not None

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.home.path)
            self.folder.cleanup()


def _refused(authority: Authority, trust: TrustStore, key: KeyRecord) -> object:
    now = authority.clock()
    try:
        trust.validate(authority.certificate(key).der, purpose=key.purpose, at=now, now=now)
    except ChainError as error:
        return error.reason
    return None


TestKeyLife = KeyLife.TestCase
TestKeyLife.settings = settings(
    max_examples=8 * SOAK,
    stateful_step_count=16,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def test_a_cap_of_this_model_is_reached() -> None:
    """The laws above are about caps, too: the number of documents must not be out of reach."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder), documents_per_key=20)
        assert periods(Purpose.DOCUMENT_SIGNER, home.open().settings).cap == 20
