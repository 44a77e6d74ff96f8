"""The kinds of caches for generation: all give what one pass over all tokens gives."""

import importlib
from functools import cache

import numpy as np
import pytest
from triptych.errors import InputError
from triptych.generation.caches import GROWING, OFFLOADED

FRAMEWORKS = {"pytorch": ("", ""), "tensorflow": ("TF", "tf_"), "flax": ("Flax", "flax_")}
EXACT = ("dynamic", "dynamic_full", "static", "hybrid", "offloaded", "offloaded_static")
TOLERANCE = 1e-4
QUANTISED = 0.03  # of the largest logit

COMMON = {"vocab_size": 50, "num_hidden_layers": 2, "hidden_size": 16, "initializer_range": 0.2}
ROTARY = {"intermediate_size": 24, "num_attention_heads": 4, "num_key_value_heads": 2, **COMMON}
WINDOWS = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}
CONFIGS = {
    "gpt2": {"vocab_size": 50, "n_layer": 2, "n_embd": 16, "n_head": 4, "n_positions": 64},
    "llama": ROTARY,
    "mistral": {**ROTARY, "sliding_window": 4},
    "qwen2": {**ROTARY, **WINDOWS},  # its first layer has no window
    "t5": {"vocab_size": 50, "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_heads": 4},
    "mamba": {**COMMON, "state_size": 4},
}
CLASSES = {
    "gpt2": ("GPT2Config", "GPT2LMHeadModel"),
    "llama": ("LlamaConfig", "LlamaForCausalLM"),
    "mistral": ("MistralConfig", "MistralForCausalLM"),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM"),
    "t5": ("T5Config", "T5ForConditionalGeneration"),
    "mamba": ("MambaConfig", "MambaForCausalLM"),
}
USED = {
    "mistral": EXACT,
    "t5": ("dynamic", "offloaded"),
    "qwen2": ("hybrid",),
    "gpt2": ("static",),
    "llama": ("static",),
    "mamba": ("dynamic",),
}
IDS = np.random.default_rng(0).integers(3, 50, (2, 12)).astype(np.int32)
SOURCE = np.random.default_rng(1).integers(3, 50, (1, 7)).astype(np.int32)  # of the encoder
SEEN = np.ones((2, 16), np.int32)
SEEN[1, :2] = 0  # padding


class Setting:
    """A small model with first values in one framework, and how it is called."""

    def __init__(self, framework, name):
        self.framework, self.name = framework, name
        config, model = CLASSES[name]
        prefix, file = FRAMEWORKS[framework]
        module = importlib.import_module(f"triptych.models.{name}.modeling_{file}{name}")
        configs = importlib.import_module(f"triptych.models.{name}.configuration_{name}")
        self.caches = importlib.import_module(f"triptych.{framework}.generation.caches")
        if framework == "pytorch":
            importlib.import_module("torch").manual_seed(0)
        elif framework == "tensorflow":
            importlib.import_module("keras").utils.set_random_seed(0)
        self.model = getattr(module, prefix + model)(getattr(configs, config)(**CONFIGS[name]))
        self.run = getattr(self, f"_{framework}")()

    def _pytorch(self):
        return importlib.import_module("torch").no_grad()(self.model.eval())

    def _tensorflow(self):
        return self.model

    def _flax(self):
        jax, nnx = importlib.import_module("jax"), importlib.import_module("flax.nnx")
        graphdef, state = nnx.split(self.model)
        # Compiled as a whole, because each operation by itself takes longer to compile.
        options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
        return jax.jit(
            lambda **inputs: nnx.merge(graphdef, state)(**inputs, use_cache=True),
            compiler_options=options,
        )

    def tensor(self, array):
        if self.framework == "pytorch":
            return importlib.import_module("torch").from_numpy(np.array(array)).long()
        if self.framework == "tensorflow":
            return importlib.import_module("tensorflow").constant(array)
        return importlib.import_module("jax.numpy").asarray(array)

    def __call__(self, ids, kept, start=0, seen=None):
        """The logits of tokens from position `start` on, and the cache."""
        inputs = {"input_ids": ids}
        if self.name == "t5":
            inputs = {"input_ids": SOURCE.repeat(len(ids), 0), "decoder_input_ids": ids}
        elif seen is not None and self.name != "mamba":
            room = getattr(kept, "capacity", None)
            inputs["attention_mask"] = seen[:, : room or start + ids.shape[1]]
        inputs = {key: self.tensor(x) for key, x in inputs.items()}
        inputs[self.model.cache_name] = kept
        output = self.run(**inputs)
        return np.asarray(output.logits), output[self.model.cache_name]

    def make(self, kind, capacity=16):
        return self.caches.make_cache(self.model, kind, 2, capacity)


@cache
def setting(framework, name):
    return Setting(framework, name)


@cache
def whole(framework, name, padded=False):
    """The logits of one pass."""
    return setting(framework, name)(IDS, None, seen=SEEN if padded else None)[0]


def kinds_of(framework, name="mistral"):
    if framework == "tensorflow":
        return tuple(kind for kind in USED[name] if kind not in OFFLOADED)
    return (*USED[name], "quantized")


CASES = [
    (framework, name, kind)
    for framework in FRAMEWORKS
    for name in USED
    for kind in kinds_of(framework, name)
]


def close(kind, found, expected, first=0):
    """Whether logits agree from the first token on that is no padding."""
    found, expected = found[:, first:], expected[:, first:]
    bound = QUANTISED * np.abs(expected).max() if kind == "quantized" else TOLERANCE
    return np.abs(found - expected).max() < bound


@pytest.mark.parametrize(("framework", "name", "kind"), CASES)
def test_calls_of_several_lengths(framework, name, kind):
    run = setting(framework, name)
    kept, found, start = run.make(kind), [], 0
    for count in (6, 1, 1, 3, 1):
        logits, kept = run(IDS[:, start : start + count], kept, start, SEEN)
        found.append(logits)
        start += count
    assert close(kind, np.concatenate(found, axis=1), whole(framework, name, True), first=2)
    assert int(kept.length) == start and repr(kept).startswith(type(kept).__name__)


@pytest.mark.parametrize(("framework", "name", "kind"), CASES)
def test_more_room_more_rows_fewer_tokens(framework, name, kind):
    """A cache that is fitted, expanded, reordered and cut goes on where it should."""
    run, expected = setting(framework, name), whole(framework, name)
    caches = run.caches
    _, first = run(IDS[:, :7], run.make(kind, capacity=10))
    kept = caches.expanded(caches.fitted(first, 16), 2)
    assert kept.capacity == 16
    logits, _ = run(IDS[:, 7:10], first, 7)  # which has not changed
    assert close(kind, logits, expected[:, 7:10])
    logits, kept = run(IDS[:, 7:10].repeat(2, 0), kept, 7)
    assert close(kind, logits[::2], expected[:, 7:10])
    kept = caches.selected(kept, run.tensor([2, 3, 1, 0]))
    rows, length = np.array([1, 1, 0, 0]), 10
    if name == "mamba":
        with pytest.raises(InputError, match="cannot be cropped"):
            caches.with_length(kept, 9)
    else:
        kept, length = caches.with_length(kept, 9), 9
    fewer = caches.selected(caches.with_length(kept, length), run.tensor([1, 2, 3]))
    logits, _ = run(IDS[rows[1:], length:], fewer, length)
    assert close(kind, logits, expected[rows[1:], length:])


@pytest.mark.parametrize("kind", kinds_of("pytorch"))
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_copies_change_by_themselves(framework, kind):
    if kind not in kinds_of(framework):
        pytest.skip("there is no such cache")
    run = setting(framework, "mistral")
    _, kept = run(IDS[:, :7], run.make(kind))
    other = kept.copy()
    assert type(other) is type(kept)
    run(IDS[:, :3], other, 7)
    logits, _ = run(IDS[:, 7:], kept, 7)
    assert close(kind, logits, whole(framework, "mistral")[:, 7:])


@pytest.mark.parametrize("kind", ["hybrid", "quantized", "offloaded"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_plain_tuples_hold_the_tokens_in_order(framework, kind):
    if kind not in kinds_of(framework):
        pytest.skip("there is no such cache")
    run = setting(framework, "mistral")
    _, kept = run(IDS[:, :7], run.make(kind))
    _, growing = run(IDS[:, :7], run.make("dynamic"))
    for one, other in zip(kept.to_legacy(), growing.to_legacy(), strict=True):
        for x, y in zip(one, other, strict=True):
            x, y = np.asarray(x), np.asarray(y)
            x = x[:, :, :7][:, :, -3:]
            assert np.abs(x - y[:, :, -3:]).max() < (0.05 if kind == "quantized" else TOLERANCE)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_sizes(framework):
    """Windows keep no more than they reach, and int8 takes its place."""
    run = setting(framework, "qwen2")
    assert [np.asarray(x).shape[2] for x, _ in stored(run.make("hybrid", 40))] == [40, 4]
    if framework != "tensorflow":
        kinds = {str(x.dtype).removeprefix("torch.") for x, _ in stored(run.make("quantized"))}
        assert kinds == {"int8"}


def stored(kept):
    """(keys, values) of each layer as they are stored."""
    for position in range(len(kept)):
        state = kept[position].kv
        names = ("keys", "values") if hasattr(state, "keys") else ("key", "value")
        yield getattr(state, "pair", None) or tuple(getattr(state, name) for name in names)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_cannot_be(framework):
    run = setting(framework, "mistral")
    make, model = run.caches.make_cache, run.model
    with pytest.raises(InputError, match="Did you mean 'static'"):
        make(model, "statick", 2, 16)
    with pytest.raises(InputError, match="capacity"):
        make(model, "hybrid", 2)
    with pytest.raises(InputError, match="batch"):
        make(model, "static", None, 16)
    with pytest.raises(InputError, match="options of a static cache: none, found size"):
        make(model, "static", 2, 16, size=3)
    if framework == "tensorflow":
        for kind in ("quantized", *OFFLOADED):
            with pytest.raises(InputError, match="no such cache in TensorFlow"):
                make(model, kind, 2, 16)
    else:
        with pytest.raises(InputError, match="nbits: expected 8, found 4"):
            make(model, "quantized", 2, 16, nbits=4)
    for kind in kinds_of(framework):
        _, kept = run(IDS[:, :7], run.make(kind))
        with pytest.raises(InputError, match="do not fit: expected at least 7, found 6"):
            run.caches.fitted(kept, 6)
        with pytest.raises(InputError, match="only be made shorter: expected 0 to 7, found 8"):
            run.caches.with_length(kept, 8)
        if kind not in GROWING:
            with pytest.raises(InputError, match="the cache is full"):
                run.model(input_ids=run.tensor(IDS[:, :10]), past_key_values=kept)
    with pytest.raises(InputError, match="windows would need"):
        run.caches.with_length(run(IDS, run.make("hybrid"))[1], 10)
    with pytest.raises(InputError, match="the cache is empty"):
        run.caches.fitted(run.make("dynamic"), 16)


STEPS = range(5, 12)


@pytest.mark.parametrize("kind", ["static", "hybrid", "quantized", "offloaded_static"])
def test_a_compiled_loop_of_jax(kind):
    jax, jnp = importlib.import_module("jax"), importlib.import_module("jax.numpy")
    run = setting("flax", "mistral")
    ids = jnp.asarray(IDS)

    def step(state):
        position, kept, found = state
        token = jax.lax.dynamic_slice(ids, (0, position), (2, 1))
        output = run.run.__wrapped__(input_ids=token, past_key_values=kept)
        return position + 1, output.past_key_values, found.at[:, position].set(output.logits[:, 0])

    def loop(kept, found):
        start = STEPS[0] + 0 * kept.length
        return jax.lax.while_loop(lambda state: state[0] < 12, step, (start, kept, found))

    _, kept = run(IDS[:, :5], run.make(kind))
    loop = jax.jit(loop, donate_argnums=0)
    _, kept, found = loop(kept, jnp.zeros((2, 12, 50)))
    assert close(kind, np.asarray(found), whole("flax", "mistral"), first=5)
    if kind != "hybrid":
        cut = jax.jit(run.caches.with_length)(kept, 11)
        logits, _ = run(IDS[:, 11:], cut)
        assert close(kind, logits, whole("flax", "mistral")[:, 11:])


@pytest.mark.parametrize("kind", ["static", "hybrid"])
def test_a_compiled_loop_of_tensorflow(kind):
    tf = importlib.import_module("tensorflow")
    ops = importlib.import_module("triptych.tensorflow.generation.ops")
    run = setting("tensorflow", "mistral")
    ids = tf.constant(IDS)

    def step(state):
        position, kept, found = state
        token = tf.gather(ids, position[None], axis=1)
        output = run.model(input_ids=token, past_key_values=kept, use_cache=True)
        here = tf.equal(tf.range(12), position)[None, :, None]
        return position + 1, output.past_key_values, tf.where(here, output.logits, found)

    @tf.function(jit_compile=True, autograph=False)
    def loop(kept, found):
        state = (tf.constant(STEPS[0]), kept, found)
        return ops.while_loop(lambda state: state[0] < 12, step, state)

    _, kept = run(IDS[:, :5], run.make(kind))
    _, kept, found = loop(kept, tf.zeros((2, 12, 50)))
    assert close(kind, found.numpy(), whole("tensorflow", "mistral"), first=5)
    if kind != "hybrid":
        cut = tf.function(run.caches.with_length)(kept, tf.constant(11))
        logits, _ = run(IDS[:, 11:], cut)
        assert close(kind, logits, whole("tensorflow", "mistral")[:, 11:])


@pytest.mark.parametrize("kind", ["hybrid", "quantized"])
def test_a_compiled_step_of_pytorch(kind):
    torch = importlib.import_module("torch")
    run = setting("pytorch", "mistral")
    _, kept = run(IDS[:, :5], run.make(kind))
    step = torch.compile(run.model, backend="aot_eager", fullgraph=True)
    found = []
    with torch.no_grad():
        for position in STEPS:
            token = run.tensor(IDS[:, position : position + 1])
            found.append(step(input_ids=token, past_key_values=kept).logits)
    assert int(kept.length) == 12
    assert close(kind, torch.cat(found, 1).numpy(), whole("pytorch", "mistral")[:, 5:])


@pytest.mark.parametrize("framework", ["pytorch", "flax"])
def test_eight_bits(framework):
    """Entries come back up to half a step, and zeros as zeros."""
    run = setting(framework, "mistral")
    quantized = importlib.import_module(f"triptych.{framework}.generation.quantized")
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 8)).astype(np.float32)
    x[0, 0, 0] = 0
    make = run.tensor if framework == "flax" else importlib.import_module("torch").from_numpy
    entries, scale = quantized.quantize(make(x))
    again = np.asarray(quantized.dequantize(entries, scale, scale.dtype))
    assert (np.abs(again - x) <= 0.501 * np.abs(x).max(-1, keepdims=True) / 127).all()
    assert np.array_equal(again[0, 0, 0], x[0, 0, 0])
