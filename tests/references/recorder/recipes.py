"""Probes: what is asked of a model. A recipe returns a Plan, or a string saying why not."""

import numpy as np

from . import decoding
from .inputs import SECOND_LABELS
from .plans import Plan


def _details(maker, wanted=True):
    """Asks for every tap that the classes of the list have."""
    return {f"output_{name}": True for name in maker.spec.taps if wanted}


def _switches(maker, **wanted):
    """Keyword arguments; the cache is off where the class has one, unless asked for."""
    caching = maker.takes("past_key_values") or maker.takes("use_cache")
    if caching and maker.uses_cache:
        wanted.setdefault("use_cache", False)
    recorded = getattr(maker.cls, "_can_record_outputs", None)  # without an argument each
    known = recorded or maker.passes_on
    taken = (k for k in wanted if not k.startswith("output_") or maker.takes(k) or known)
    return {k: wanted[k] for k in taken}


def _text(name, *, details=False, **inputs):
    def recipe(maker, probe, options):
        given = dict(inputs)
        given.update({k: v for k, v in options.items() if k in ("length", "side", "labels")})
        kwargs = _switches(maker, **{**_details(maker, details), **options.get("kwargs", {})})
        return Plan(probe, [(maker.text(probe, **given), kwargs)])

    recipe.__name__ = name
    return recipe


def padded(maker, probe, options):
    """The main probe: right padding, labels, every output whole where it is small."""
    kwargs = _switches(maker, **{**_details(maker), **options.get("kwargs", {})})
    inputs = maker.text(probe, length=options.get("length"), side="right", labels=True)
    return Plan(probe, [(inputs, kwargs)], full=True)


def plain(maker, probe, options):
    """Ids, and the states that are attended to: every other argument at its default."""
    source, target = options.get("source", True), options.get("target", True)
    inputs = maker.text(
        probe, length=options.get("length"), types=False, source=source, target=target
    )
    return Plan(probe, [(inputs, dict(options.get("kwargs", {})))])


def position_ids(maker, probe, options):
    """Explicit positions."""
    if not maker.takes("position_ids"):
        return "no position_ids"
    inputs = maker.text(probe, side="right")
    shape = inputs["input_ids"].shape
    start = maker.draw(probe, "position_ids", (*shape[:-1], 1), 0, 9)
    # with gaps: where only distances matter, a shift alone changes nothing
    inputs["position_ids"] = start + 2 * np.arange(shape[-1])
    return Plan(probe, [(maker.ordered(inputs), _switches(maker))])


def one_label(maker, probe, options):
    """The first of two labels alone, with which there is no loss."""
    inputs = maker.text(probe, side="right", labels=True)
    found = [inputs.pop(n) for n in ("end_positions", *SECOND_LABELS) if n in inputs]
    return Plan(probe, [(inputs, _switches(maker))]) if found else "no second label"


def head_mask(maker, probe, options):
    """Some attention heads switched off."""
    if not maker.takes("head_mask"):
        return "no head_mask"
    inputs = maker.text(probe, side="right")
    shape = (maker.config.num_hidden_layers, maker.config.num_attention_heads)
    inputs["head_mask"] = maker.filled(probe, "head_mask", shape, "uniform", 0.0, 1.0)
    return Plan(probe, [(maker.ordered(inputs), _switches(maker))])


def _with_gradients(maker, probe, options, mode):
    if maker.spec.inputs:
        inputs = maker.written(probe, options.get("inputs"))
    elif maker.takes("pixel_values"):
        inputs = maker.image(probe, options.get("size"), labels=True, masked=True)
    else:
        side = options.get("side", "right")
        target = options.get("target", not maker.generates)  # which follows from labels
        inputs = maker.text(probe, options.get("length"), side=side, labels=True, target=target)
    calls = [(inputs, _switches(maker, **options.get("kwargs", {})))]
    return Plan(probe, calls, mode=mode, gradients=True)


def train(maker, probe, options):
    """Training mode: loss, gradients, updated buffers. Rates of dropout must be 0 or 1."""
    return _with_gradients(maker, probe, options, "train")


def gradients(maker, probe, options):
    """Gradients in evaluation mode, for configurations with dropout."""
    return _with_gradients(maker, probe, options, "eval")


def cache(maker, probe, options):
    """A prefill and three steps of one or more `tokens`, each given the cache of the one before."""
    if not maker.caches:
        return "no cache"
    length, steps, tokens = options.get("length", maker.length), 3, options.get("tokens", 1)
    side = options.get("side", "left")
    if maker.spec.inputs:
        whole = maker.written(probe, options.get("inputs"))
        length = whole["input_ids"].shape[1] if "input_ids" in whole else length
    else:
        whole = maker.whole(probe, length=length, side=side)
    if decoding.has_decoder(maker):
        return decoding.cache(maker, probe, whole)
    calls, start = [], 0
    for stop in range(length - steps * tokens, length + 1, tokens):
        inputs = {}
        for name, item in whole.items():
            if name in ("input_ids", "token_type_ids", "position_ids"):
                inputs[name] = item[:, start:stop]
            elif name == "attention_mask":
                # of states of the past nothing is masked any more
                if not start or maker.cache_name == "past_key_values":
                    inputs[name] = item[:, :stop]
            elif name in options.get("first", ()):  # read by the first call alone
                inputs.update({name: item} if start == 0 else {})
            else:
                inputs[name] = item
        calls.append((inputs, {"use_cache": True}))
        start = stop
    carry = {maker.cache_name: maker.cache_name}
    return Plan(probe, calls, kind="cache", carry=carry)


def memory(maker, probe, options):
    """Three segments of a text, each given what the ones before left in the memory `mems`."""
    whole, length = maker.text(probe, side=None), maker.length
    stops = [length // 2, length - 1, length]
    starts = [0, *stops]
    calls = [
        ({name: item[:, start:stop] for name, item in whole.items()}, {"use_mems": True})
        for start, stop in zip(starts, stops, strict=False)
    ]
    return Plan(probe, calls, kind="cache", carry={"mems": "mems"})


def _generate(left):
    """`left`: padded where prompts are; the source of an encoder-decoder on the right."""

    def recipe(maker, probe, options):
        if not maker.generates:
            return "cannot generate"
        kwargs = {
            "max_new_tokens": options.get("new_tokens", 8),
            "do_sample": False,
            "eos_token_id": None,
            "pad_token_id": getattr(maker.config, "pad_token_id", None) or 0,
            **options.get("kwargs", {}),
        }
        if decoding.has_decoder(maker):
            whole = maker.whole(probe, length=options.get("length"), side="right" if left else None)
            inputs = {
                n: v for n, v in whole.items() if not n.startswith("decoder") and n != "labels"
            }
            kwargs["decoder_start_token_id"] = maker.config.decoder_start_token_id
            return Plan(probe, [(inputs, kwargs)], kind="generate")
        if maker.spec.inputs:
            inputs = maker.written(probe, options.get("inputs"))
            first = options.get("first", [])
            return Plan(probe, [(inputs, kwargs)], kind="generate", first=first)
        inputs = maker.text(probe, length=options.get("length", 6), side="left", types=False)
        inputs = {n: v for n, v in inputs.items() if n != "token_type_ids"}
        if not left:
            fresh = maker.draw(probe, "more", inputs["input_ids"].shape, 5, maker.config.vocab_size)
            hole = inputs["attention_mask"] == 0
            inputs["input_ids"] = np.where(hole, fresh, inputs["input_ids"])
            inputs["attention_mask"] = np.ones_like(inputs["attention_mask"])
        return Plan(probe, [(inputs, kwargs)], kind="generate")

    return recipe


def bf16(maker, probe, options):
    """The reference's own error in bfloat16, on the main probe."""
    return Plan(probe, [], kind="bf16", of=options.get("of", ""))


def _image(details=False, masked=False, labels=False, full=False):
    def recipe(maker, probe, options):
        inputs = maker.image(
            probe,
            options.get("size"),
            labels=options.get("labels", labels),
            masked=options.get("masked", masked),
        )
        kwargs = {**_details(maker, details), **options.get("kwargs", {})}
        return Plan(probe, [(inputs, kwargs)], full=full)

    return recipe


def method(maker, probe, options):
    """A public method other than the call: `method` names it, `inputs` are all that it takes."""
    chosen = {name: rule for name, rule in maker.spec.inputs.items() if name in options["takes"]}
    inputs = maker.made(probe, {**chosen, **options.get("inputs", {})})
    calls = [(inputs, options.get("kwargs", {}))]
    return Plan(probe, calls, kind="method", method=options["method"])


def _written(details=False, full=False):
    def recipe(maker, probe, options):
        kwargs = _switches(maker, **{**_details(maker, details), **options.get("kwargs", {})})
        return Plan(probe, [(maker.written(probe, options.get("inputs")), kwargs)], full=full)

    return recipe


RECIPES = {
    "main": _written(details=True, full=True),
    "call": _written(),
    "method": method,
    "padded": padded,
    "plain": plain,
    "left_padded": _text("left_padded", details=True, side="left"),
    "one_token": _text("one_token", length=1),
    "full_rows_masked": _text("full_rows_masked", details=True, side="row"),
    "embeds": _text("embeds", side="right", embeds=True),
    "position_ids": position_ids,
    "one_label": one_label,
    "head_mask": head_mask,
    "train": train,
    "gradients": gradients,
    "cache": cache,
    "memory": memory,
    "generate": _generate(left=False),
    "generate_left_padded": _generate(left=True),
    "generate_padded": _generate(left=True),
    "encoder_outputs": decoding.encoder_outputs,
    "bf16": bf16,
    "image": _image(details=True, masked=True, labels=True, full=True),
    "image_plain": _image(),
}


def plan(maker, name, options):
    """The Plan of a probe of a case list, or why there is none.

    `inputs` of a text recipe change what it makes of the class's signature, `rows` says how many
    rows of ids and masks are kept.
    """
    made = RECIPES[options.get("recipe", name)](maker, name, options)
    if isinstance(made, Plan) and (rows := options.get("rows")):
        made.calls = [({n: x[:rows] for n, x in given.items()}, kw) for given, kw in made.calls]
    if isinstance(made, Plan) and options.get("inputs") and not maker.spec.inputs:
        made.calls = [(_changed(maker, name, given, options), kw) for given, kw in made.calls]
    return made


def _changed(maker, name, inputs, options):
    changes = options["inputs"]
    kept = {key: item for key, item in inputs.items() if key not in changes}
    return maker.ordered({**kept, **maker.written(name, changes)})
