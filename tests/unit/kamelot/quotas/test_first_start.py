"""The ledger's answers against a second by second check, on random charges, rules and calendars."""

from datetime import UTC

from hypothesis import given, settings
from hypothesis import strategies as st

from oar.kamelot.quotas import Allowed, Calendar, Choice, Ledger, Period, Quotas, Refused
from tests.unit.kamelot.quotas.build import Someone, rules
from tests.unit.kamelot.quotas.naive import Charge, NaiveLedger

FAR = 150
"""By then all that is charged has ended, several times over."""

people = st.builds(
    Someone,
    st.sampled_from(["alice", "bob"]),
    st.sampled_from(["p", "q"]),
    st.sampled_from(["default", "besteffort"]),
    st.sampled_from([{}, {"deploy": ""}, {"deploy": "", "besteffort": ""}]),
)
keys = st.tuples(
    st.sampled_from(["*", "/", "default"]),
    st.sampled_from(["*", "/", "p"]),
    st.sampled_from(["*", "deploy", "besteffort"]),
    st.sampled_from(["*", "/", "alice"]),
).map(",".join)
limit = st.one_of(st.just(-1), st.integers(0, 12))
limits = st.tuples(
    limit, st.one_of(st.just(-1), st.integers(0, 3)), st.one_of(st.just(-1), st.integers(0, 90))
)
rule_sets = st.builds(rules, st.dictionaries(keys, limits, max_size=4), st.sampled_from(Choice))
spans = st.tuples(st.integers(0, 60), st.integers(1, 40))
requests = st.tuples(people, st.integers(0, 25), st.integers(1, 25), st.integers(0, 4), st.integers(0, 6))


@st.composite
def quotas(draw):
    plain = draw(rule_sets)
    once = [
        Period(begin, begin + length, draw(rule_sets)) for begin, length in draw(st.lists(spans, max_size=3))
    ]
    return Quotas(plain, Calendar([], once, plain, UTC) if once else None)


@settings(max_examples=300, deadline=None)
@given(quotas(), st.lists(requests, min_size=1, max_size=12), st.booleans())
def test_a_job_starts_at_the_first_second_at_which_no_quota_is_exceeded(wanted, jobs, through_a_copy):
    book, naive = Ledger(wanted, 0), NaiveLedger(wanted)
    for job, earliest, walltime, security, resources in jobs:
        duration = walltime + security
        answer = book.first_start(job, earliest, duration, walltime, resources)
        starts = range(earliest, FAR)
        first = next((s for s in starts if naive.allows(job, s, duration, walltime, resources)), None)
        assert (answer.start if isinstance(answer, Allowed) else None) == first
        if first is not None:
            begin, end, work_end = first, first + duration - 1, first + walltime - 1
            naive.charges.append(Charge(job, begin, end, work_end, resources))
            if through_a_copy:
                book = book.copy()
            book.charge(job, begin, end, work_end, resources)


TIGHT = Quotas(rules({"*,*,*,/": [5, 3, 60]}))
sizes = st.tuples(st.integers(0, 30), st.integers(1, 15), st.integers(0, 9), st.integers(0, 5))


@settings(max_examples=150, deadline=None)
@given(st.lists(sizes, min_size=5, max_size=25))
def test_what_one_job_had_to_wait_for_says_nothing_wrong_about_the_next(jobs):
    book, naive, job = Ledger(TIGHT, 0), NaiveLedger(TIGHT), Someone()
    for earliest, walltime, security, resources in jobs:
        answer = book.first_start(job, earliest, walltime + security, walltime, resources)
        if resources * walltime > 60:
            assert isinstance(answer, Refused)
            continue
        start, duration = answer.start, walltime + security
        assert naive.allows(job, start, duration, walltime, resources)
        for sooner in range(earliest, start):
            assert not naive.allows(job, sooner, duration, walltime, resources)
        charge = (job, start, start + duration - 1, start + walltime - 1, resources)
        book.charge(*charge)
        naive.charges.append(Charge(*charge))


@settings(max_examples=200, deadline=None)
@given(quotas(), st.lists(requests, max_size=10), requests)
def test_what_is_charged_beyond_a_quota_holds_jobs_back_until_it_ends(wanted, charged, request):
    book, naive = Ledger(wanted, 0), NaiveLedger(wanted)
    for job, begin, walltime, security, resources in charged:
        charge = (job, begin, begin + walltime + security - 1, begin + walltime - 1, resources)
        book.charge(*charge)
        naive.charges.append(Charge(*charge))
    job, earliest, walltime, security, resources = request
    answer = book.first_start(job, earliest, walltime + security, walltime, resources)
    starts = range(earliest, FAR)
    first = next((s for s in starts if naive.allows(job, s, walltime + security, walltime, resources)), None)
    assert (answer.start if isinstance(answer, Allowed) else None) == first


@settings(max_examples=200, deadline=None)
@given(quotas(), st.lists(requests, max_size=10), requests)
def test_the_rule_that_is_named_is_exceeded_at_the_date_that_is_named(wanted, charged, request):
    book, naive = Ledger(wanted, 0), NaiveLedger(wanted)
    for job, begin, walltime, security, resources in charged:
        charge = (job, begin, begin + walltime + security - 1, begin + walltime - 1, resources)
        book.charge(*charge)
        naive.charges.append(Charge(*charge))
    job, earliest, walltime, security, resources = request
    answer = book.first_start(job, earliest, walltime + security, walltime, resources)
    found = answer.held_by
    if isinstance(answer, Allowed):
        assert (found is None) == (answer.start == earliest)
    if found is not None:
        there = naive.counts(found.counter, found.date)
        wanted_too = (resources, 1, resources * walltime)
        counts = [a + b for a, b in zip(there, wanted_too, strict=True)]
        named = found.measure
        assert found.counts.of(named) == counts[named] > found.rule.limits.of(named)
        assert any(binding.rule == found.rule for binding in wanted.at(found.date).rules.applying(job))
        if isinstance(answer, Allowed):
            assert found.date == answer.start - 1
