"""Rules on scores: what the reference made of recorded ones, in each framework and compiled.

Compiled code gets a longer buffer, filled with tokens that do not count, and a traced length.
"""

import importlib
import json
from types import SimpleNamespace

import numpy as np
import pytest
from references import record_processors as recorded
from triptych import InputError
from triptych.generation.config import GenerationConfig
from triptych.generation.processors.base import Own
from triptych.generation.processors.build import build
from triptych.generation.processors.diversity import hamming
from triptych.generation.processors.forced import ForcedEos
from triptych.generation.processors.lengths import ExponentialDecayLength, MinLength
from triptych.generation.processors.penalties import EncoderRepetitionPenalty
from triptych.generation.processors.timestamps import Timestamps
from triptych.generation.step import Step

MODES = ("pytorch", "tensorflow", "tensorflow-graph", "tensorflow-xla", "flax-jit")
CASES = json.loads((recorded.FOLDER / "cases.json").read_text())
with np.load(recorded.FOLDER / "arrays.npz") as file:
    ARRAYS = dict(file)
LIMIT = CASES["base"]["max_length"]
ROWS = recorded.ROWS
pytestmark = pytest.mark.filterwarnings("ignore:these settings of generation have no effect")
TIED = 1  # which of the recorded scores have equal ones


@pytest.fixture(params=MODES)
def ops(request):
    """A framework's operations, with `compiled` for functions of arrays, None where it is eager."""
    framework, _, form = request.param.partition("-")
    module = importlib.import_module(f"triptych.{framework}.generation.ops")
    compiled = {"graph": _graph, "xla": _xla, "jit": _jit}.get(form)
    return SimpleNamespace(**vars(module), compiled=compiled, framework=framework)


def _graph(function):
    import tensorflow as tf

    return tf.function(function)


def _xla(function):
    import tensorflow as tf

    return tf.function(function, jit_compile=True)


def _jit(function):
    import jax

    return jax.jit(function)


class Rules:
    """Processors one after the other, compiled once."""

    def __init__(self, ops, processors):
        def function(ids, length, prompt, limit, source, scores):
            for processor in processors:
                scores = processor(ops, Step(ids, length, prompt, limit, source), scores)
            return scores

        host = any(processor.host for processor in processors)
        self.ops, self.compiles = ops, ops.compiled is not None and not host
        self.function = ops.compiled(function) if self.compiles else function

    def __call__(self, ids, scores, prompt=1, limit=LIMIT, source=None):
        ops, length = self.ops, ids.shape[1]
        source = ARRAYS["source"] if source is None else source
        numbers = (length, prompt, limit)
        if self.compiles:
            ids = np.concatenate([ids, np.tile([1, 2, 16, 4], (len(ids), 3))], 1)[:, :12]
            numbers = map(ops.array, numbers)
        source = ops.array(source)
        return ops.to_numpy(self.function(ops.array(ids), *numbers, source, ops.array(scores)))


def check(ours, theirs):
    """Equal infinities, other scores to 1e-5; rows without any token are not compared."""
    kept = ~np.isnan(theirs).any(-1)
    assert ours.shape == theirs.shape and kept.any()
    ours, theirs = ours[kept], theirs[kept]
    huge = np.abs(theirs) > 1e30
    assert (np.where(huge, ours, 0) == np.where(huge, theirs, 0)).all()
    np.testing.assert_allclose(ours[~huge], theirs[~huge], rtol=1e-5, atol=1e-6)


def reversed_of(ops):
    """A caller's own rule, as each framework's users write it."""
    if ops.framework == "pytorch":
        return lambda ids, scores: scores.flip(-1)
    if ops.framework == "tensorflow":
        import tensorflow as tf

        return lambda ids, scores, length: tf.reverse(scores, [-1])
    return lambda ids, scores, length: scores[:, ::-1]


def rules_of(ops, settings):
    fields = CASES["base"] | settings
    prompt = fields.pop("prompt", 1)
    prefix = None
    if fields.pop("prefix", False):
        prefix = lambda row, ids: recorded.allowed_tokens(row, np.asarray(ids))  # noqa: E731
    own = {
        "reversed": lambda: [reversed_of(ops)],
        "min_length": lambda: [MinLength(*recorded.OWN_MIN_LENGTH)],
    }.get(fields.pop("own", None), list)()
    config = GenerationConfig(**fields)
    rules = Rules(ops, build(config, prefix=prefix, own=own))
    source = ARRAYS["source"][: ROWS // config.num_beams]
    return rules, prompt, source


@pytest.mark.parametrize("name", CASES["settings"])
def test_reference(ops, name):
    settings = CASES["settings"][name]
    rules, prompt, source = rules_of(ops, settings)
    scores = recorded.scores_of(ARRAYS, settings)
    together = 1 if settings.get("prefix") else len(scores)  # its function gets the row's number
    for ids, expected in zip(recorded.texts_of(ARRAYS, "ids"), ARRAYS[name], strict=True):
        ours = [
            rules(
                np.tile(ids, (together, 1)),
                scores[i : i + together].reshape(together * ROWS, -1),
                prompt=prompt,
                source=np.tile(source, (together, 1)),
            )
            for i in range(0, len(scores), together)
        ]
        ours = np.concatenate(ours).reshape(expected.shape)
        if name.startswith("decay"):
            # What is forbidden stays so; in the reference its growing score makes it NaN.
            expected = np.where(np.isnan(expected) & np.isneginf(scores), scores, expected)
        if settings.get("do_sample"):  # PyTorch's sort takes any of equal scores
            ours[TIED], expected = np.sort(ours[TIED]), expected.copy()
            expected[TIED] = np.sort(expected[TIED])
        check(ours, expected)


@pytest.mark.parametrize("name", CASES["times"])
def test_timestamps(ops, name):
    settings, scores = CASES["times"][name], ARRAYS["scores"]
    rules = Rules(ops, [Timestamps(CASES["end"], CASES["no_timestamps"], **settings)])
    after_prompt = {key: value for key, value in settings.items() if key != "begin"}
    same = Rules(ops, [Timestamps(CASES["end"], CASES["no_timestamps"], **after_prompt)])
    for ids, expected in zip(recorded.texts_of(ARRAYS, "times"), ARRAYS[name], strict=True):
        call = np.tile(ids, (len(scores), 1)), scores.reshape(-1, scores.shape[-1])
        check(rules(*call, prompt=1).reshape(expected.shape), expected)
        if ops.framework == "pytorch":
            result = same(*call, prompt=settings["begin"])
            check(result.reshape(expected.shape), expected)


def test_hamming(ops):
    penalty = CASES["hamming"]["hamming"]["penalty"]
    chosen = ARRAYS["chosen"]
    for scores, expected in zip(ARRAYS["scores"], ARRAYS["hamming"], strict=True):
        scores = np.repeat(scores, 3, axis=0)[: len(expected)]
        function = lambda x, chosen: hamming(ops, x, chosen, penalty)  # noqa: E731
        function = ops.compiled(function) if ops.compiled else function
        check(ops.to_numpy(function(ops.array(scores), ops.array(chosen))), expected)


def test_the_cases_of_record_and_list_agree():
    same = json.loads(json.dumps(recorded.SETTINGS))
    assert same == CASES["settings"] and CASES["times"] == recorded.TIMES
    for name, array in recorded.make_inputs().items():
        np.testing.assert_array_equal(array, ARRAYS[name])


def test_the_source_counts_for_all_beams(ops):
    """In the reference only the first rows are changed."""
    ids, scores, source = ARRAYS["ids.3"], ARRAYS["scores"][0], ARRAYS["source"]
    rules = Rules(ops, [EncoderRepetitionPenalty(1.4)])
    expected = rules(ids, scores, source=np.repeat(source[:2], 2, axis=0))
    np.testing.assert_array_equal(rules(ids, scores, source=source[:2]), expected)


def settings(**fields):
    return GenerationConfig(**{"top_k": 0} | fields)


def test_rules_are_equal_and_hashable():
    fields = {
        "sequence_bias": [[[1, 2], 0.5]],
        "bad_words_ids": [[4], [1, 2]],
        "eos_token_id": [3, 7],
        "suppress_tokens": [9],
        "min_length": 5,
        "forced_eos_token_id": 3,
        "exponential_decay_length_penalty": (2, 1.5),
        "do_sample": True,
        "top_p": 0.5,
    }
    rules = build(settings(**fields))
    assert rules == build(settings(**fields)) and len({rules, build(settings(**fields))}) == 1
    assert rules != build(settings(**fields | {"top_p": 0.6}))
    assert not any(rule.host for rule in rules)
    assert [rule.host for rule in build(settings(), prefix=recorded.allowed_tokens)] == [True]


def test_of_equal_sequences_the_last_counts():
    (rule,) = build(settings(sequence_bias=[[[1, 2], 0.5], [[1, 2], 0.7]]))
    assert rule.sequences == ((1, 2),) and rule.biases == (0.7,)


def test_an_end_is_no_bad_word():
    assert build(settings(bad_words_ids=[[3]], eos_token_id=3)) == ()


def test_of_equal_scores_the_first_remain(ops):
    ids, scores = ARRAYS["ids.3"], ARRAYS["scores"][TIED]
    order = np.argsort(-scores, kind="stable")
    for fields in ({"top_p": 0.0}, {"top_p": 0.0, "num_beams": 2}, {"min_p": 1.0, "num_beams": 2}):
        rules = Rules(ops, build(settings(do_sample=True, **fields)))
        kept = np.isfinite(rules(ids, scores))
        if "top_p" in fields:
            assert (kept.sum(-1) == fields.get("num_beams", 1)).all()
        assert np.take_along_axis(kept, order, -1)[:, : fields.get("num_beams", 1)].all()


def test_own_rules_stand_between():
    def own(ids, scores):
        return scores

    given = settings(suppress_tokens=[1], do_sample=True, temperature=0.5, renormalize_logits=True)
    names = [type(rule).__name__ for rule in build(given, own=[own])]
    assert names == ["Suppress", "Own", "Temperature", "Normalize"]
    longer = MinLength(9, (3,))
    given = settings(min_length=2, eos_token_id=3, suppress_tokens=[1])
    rules = build(given, own=[own, longer])
    assert rules[0] == longer and rules[2] == Own(own) and len(rules) == 3


def test_own_rules_see_the_tokens_so_far(ops):
    seen = []

    def own(ids, scores, *length):
        seen.append((tuple(ids.shape), len(length)))
        return scores

    Rules(ops, [Own(own)])(ARRAYS["ids.3"], ARRAYS["scores"][0])
    known = {"pytorch": ((4, 3), 0)}.get(ops.framework, ((4, 12 if ops.compiled else 3), 1))
    assert seen == [known]


def test_tokens_that_the_model_lacks():
    ops = importlib.import_module("triptych.pytorch.generation.ops")
    ids, scores = ARRAYS["ids.3"], ARRAYS["scores"][0]
    wrong = [
        settings(sequence_bias=[[[1, 24], 0.5]]),
        settings(sequence_bias=[[[24], 0.5]]),
        settings(bad_words_ids=[[1, 30]]),
        settings(bad_words_ids=[[30]]),
        settings(forced_bos_token_id=24),
    ]
    ops = SimpleNamespace(**vars(ops), compiled=None)
    for config in wrong:
        with pytest.raises(InputError, match="expected tokens from 0 to 23, found (24|30)"):
            Rules(ops, build(config))(ids, scores)
    with pytest.raises(InputError, match="forced_eos_token_id"):
        Rules(ops, [ForcedEos((99,))])(ids, scores)
    with pytest.raises(InputError, match="no token is allowed in row 1"):
        allowed = {0: [1]}
        prefix = lambda row, ids: allowed.get(row, [])  # noqa: E731
        Rules(ops, build(settings(num_beams=2), prefix=prefix))(ids, scores)
    with pytest.raises(InputError, match="a positive factor"):
        ExponentialDecayLength(3, -1.0, (3,))
