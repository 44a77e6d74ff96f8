"""Runs the probes of a case and turns what comes back into records."""

import copy
import inspect
import math
import types
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from transformers import GenerationMixin

from .. import compare, fill
from ..case import objective_weight
from . import inputs as _inputs
from . import kinks, precision, recipes, running
from .filling import saved_names
from .renaming import saved_name, saved_state

MARGIN = 1e-3
ATTEMPTS = 20
CHOICES = 1000
OTHER_INPUTS = 8
FEW = 128  # numbers of an output, which a few rows share: one error in bfloat16 is luck
# What would change the most likely token.
FORCED = (
    "eos_token_id",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "suppress_tokens",
    "begin_suppress_tokens",
)
# A gradient that is 0 but for rounding, as a key's bias has it: what float32 leaves of it depends
# on the order of every sum, so it need only stay below 1e-6 of the largest norm.
VANISHING = 1e-9
VANISHED_TOLERANCE = 1e-2


def allowed(own_error, what):
    """A tolerance, rounded up to three digits."""
    value = compare.tolerance(own_error)
    if not math.isfinite(value):
        raise SystemExit(f"{what}: float32 and float64 disagree in huge entries or hold NaN")
    digits = 2 - math.floor(math.log10(value))
    return math.ceil(round(value * 10**digits, 6)) / 10**digits


def returns_cache(model, maker):
    """Does a plain call with use_cache bring a cache back?"""
    if maker.cache_name is None or not maker.uses_cache:
        return False
    with torch.no_grad():
        tensors = _inputs.to_torch(maker.whole("try"), torch.float32)
        return model(**tensors, use_cache=True).get(maker.cache_name) is not None


class Prober:
    """Runs the probes of one case on the float32 model, its float64 twin and, for one, bfloat16."""

    def __init__(self, spec, model, pools, folder):
        self.spec, self.pools, self.folder = spec, pools, folder
        self._model, self._twin = (
            model,
            precision.double_model(model, spec.init, spec.twin, spec.initialized),
        )
        self.saved, _ = saved_names(folder / "model.safetensors")
        self.model, self.twin = None, None
        maker = _inputs.Maker(spec, type(model), model.config)
        maker.caches = returns_cache(copy.deepcopy(model), maker)
        maker.generates = model.can_generate()
        self.maker = maker
        self.main, self.seen, self.gradients = {}, {}, {}
        self.plans, self.options = {}, {}

    def record(self, name, options):
        """The record of a probe for case.json, or a string saying why there is none."""
        plan = recipes.plan(self.maker, name, options)
        if isinstance(plan, str):
            return plan
        if plan.gradients:
            plan = self._off_kinks(plan, options)
        if plan.full and "bf16" in self.spec.probes:
            plan = self._with_settled_choices(plan, options)
        self.plans[name] = plan
        self.options[name] = options
        # Fresh copies: some models remember sizes they have seen, and probes stand alone.
        self.model, self.twin = copy.deepcopy(self._model), copy.deepcopy(self._twin)
        record = {"name": name, "kind": plan.kind, "mode": plan.mode}
        if plan.kind == "bf16":
            return {**record, **self._bf16(plan)}
        if plan.kind == "generate":
            return {**record, **self._generate(plan, options)}
        return {**record, **self._call(plan)}

    def _call(self, plan):
        single = plan.gradients
        with torch.set_grad_enabled(single):
            found = running.run_calls(self._mode(self.model, plan), plan, torch.float32)
            buffers = self._changed(self.model)
            again = running.run_calls(self._mode(self.model, plan), plan, torch.float32)
            with precision.double():
                exact = running.run_calls(self._mode(self.twin, plan), plan, torch.float64)
        records = []
        for index, (flat, repeat, wide) in enumerate(zip(found, again, exact, strict=True)):
            mine, true = running.arrays(flat), running.arrays(wide)
            self.seen.setdefault(plan.name, []).append(mine)
            self._same(plan.name, mine, running.arrays(repeat))
            outputs = []
            for name, array in mine.items():
                own = compare.error(array, true[name])
                full = plan.full and running.is_main(name) and array.size <= 4096
                limit = (
                    0 if array.dtype.kind in "iub" else allowed(own, f"probe {plan.name}: {name}")
                )
                outputs.append(self.pools.expected(name, array, limit, full))
                if plan.full and running.is_main(name):
                    self.main.setdefault(plan.name, {})[name] = array
            inputs, kwargs = plan.calls[index]
            described = _inputs.describe(inputs, self.pools)
            kwargs = {**kwargs, **self._bounds(mine)}
            records.append({"inputs": described, "kwargs": kwargs, "outputs": outputs})
        if plan.kind == "cache":
            return {"carry": plan.carry, "steps": records}
        record = records[0]
        if plan.method is not None:
            record["method"] = plan.method
        if plan.gradients:
            record["gradients"] = self._gradients(plan.name, found[0], exact[0])
            if buffers:
                record["buffers"] = self._buffers(buffers, self._changed(self.twin))
        return record

    def _bounds(self, outputs):
        """Sizes that only ours is told: in the reference they follow from values."""
        bounds = self.spec.bounds.items()
        return {name: outputs[output].shape[axis] for name, (output, axis) in bounds}

    def _off_kinks(self, plan, options):
        """The plan, or one of the same with other inputs, where no gradient hangs on rounding."""
        for attempt in range(ATTEMPTS):
            if attempt:
                plan = self._other(plan.name, attempt, options)
            twin = self._mode(copy.deepcopy(self._twin), plan)
            with precision.double():
                clear = kinks.is_clear(
                    twin, lambda plan=plan, twin=twin: running.run_calls(twin, plan, torch.float64)
                )
            if clear:
                return plan
        raise SystemExit(f"probe {plan.name}: all inputs come too close to a kink")

    @staticmethod
    def _mode(model, plan):
        return model.train(plan.mode == "train")

    @staticmethod
    def _same(name, first, second):
        for key, array in first.items():
            if not np.array_equal(array, second[key]):
                raise SystemExit(f"probe {name}: {key} changes from run to run")

    def _objective(self, flat):
        """The scalar whose gradient is recorded, and how it is named."""
        if "loss" in flat:
            return flat["loss"], "loss"
        names = [n for n, t in flat.items() if running.is_main(n) and t.is_floating_point()]
        total = 0
        for name in names:
            weight = objective_weight(self.spec.seed, name, tuple(flat[name].shape))
            total = total + (torch.as_tensor(weight).to(flat[name].dtype) * flat[name]).sum()
        return total, names

    def _gradients(self, probe, flat, wide):
        tables, missing = [], []
        for model, outputs in ((self.model, flat), (self.twin, wide)):
            model.zero_grad()
            objective, of = self._objective(outputs)
            objective.backward()
            own = saved_state(model, keep_vars=True).items()
            named = {n: p.grad for n, p in own if n in self.saved and p.requires_grad}
            missing = [n for n, grad in named.items() if grad is None]
            found = {n: g.double().numpy() for n, g in named.items() if g is not None}
            tables.append(found)
            model.zero_grad()
        mine, true = tables
        norms = [np.array([np.linalg.norm(g.reshape(-1)) for g in t.values()]) for t in tables]
        views = [np.array([fill.project(g) for g in t.values()]) for t in tables]
        own = compare.gradient_errors(norms[0], views[0], norms[1], views[1])
        limits = np.array(
            [allowed(e, f"probe {probe}: gradient of {n}") for n, e in zip(mine, own, strict=True)]
        )
        limits[norms[1] < VANISHING * norms[1].max()] = VANISHED_TOLERANCE
        assert list(mine) == list(true)
        table = np.concatenate([norms[0][:, None], limits[:, None], views[0]], axis=1)
        self.gradients[probe] = mine
        record = {"of": of, "at": self.pools.add(table)[1]}
        if missing:
            record["none"] = missing
        return record

    def _changed(self, model):
        """{name: array} of the saved buffers that differ from the checkpoint's."""
        saved = saved_state(self._model)
        result = {}
        for own, tensor in model.named_buffers():
            name = saved_name(model, own)
            if name in saved and not torch.equal(tensor.to(saved[name].dtype), saved[name]):
                result[name] = np.array(tensor.detach().numpy())
        return result

    def _buffers(self, mine, true):
        rows = []
        for name, array in mine.items():
            exact = array.dtype.kind in "iub"
            limit = 0 if exact else allowed(compare.error(array, true[name]), name)
            rows.append(self.pools.expected(name, array, limit, False))
        return rows

    def _bf16(self, plan):
        of = plan.of or next(iter(self.main))
        found = running.arrays(self._chosen(self._rounded, self.plans[of], torch.bfloat16)[0])
        rows = []
        for name, array in self.main[of].items():
            if array.dtype.kind == "f":
                rms = compare.rms_error(found[name], array)
                if array.size <= FEW:
                    rms = max(rms, self._largest_elsewhere(of, name))
                errors = rms, compare.error(found[name], array)
                rows.append([name, *(float(f"{error:.4g}") for error in errors)])
        return {"of": of, "errors": rows}

    @cached_property
    def _rounded(self):
        """The model in bfloat16."""
        return (
            type(self._model)
            .from_pretrained(
                self.folder, dtype=torch.bfloat16, attn_implementation="eager", **self.spec.init
            )
            .eval()
        )

    def _with_settled_choices(self, plan, options):
        """The plan, or one of the same with other inputs, where rounding to bfloat16 changes
        nothing that is chosen on the way."""
        model = copy.deepcopy(self._model).eval()
        for attempt in range(CHOICES):
            other = self._other(plan.name, attempt, options) if attempt else plan
            exact = self._chosen(model, other)[1]
            if not exact or kinks.are_settled(
                exact, self._chosen(self._rounded, other, torch.bfloat16)[1]
            ):
                return other
        raise SystemExit(f"probe {plan.name}: whatever the inputs, rounding decides what is chosen")

    def _other(self, name, number, options):
        """The plan of a probe with other inputs."""
        recipe = recipes.RECIPES[options.get("recipe", name)]
        return replace(recipe(self.maker, f"{name}.{number}", options), name=name)

    def _largest_elsewhere(self, of, name):
        """The largest rms error in bfloat16 of an output on other inputs: over a few numbers, one
        error is luck."""
        found, model = [], copy.deepcopy(self._model).eval()
        for number in range(1, 1 + OTHER_INPUTS):
            plan = self._other(of, f"bf16.{number}", self.options[of])
            exact = running.arrays(self._chosen(model, plan)[0])[name]
            rounded = running.arrays(self._chosen(self._rounded, plan, torch.bfloat16)[0])[name]
            found.append(compare.rms_error(rounded, exact))
        return max(found)

    @staticmethod
    def _chosen(model, plan, dtype=torch.float32):
        """(outputs, what was chosen on the way) of a plan's first call."""
        with torch.no_grad(), kinks.choices() as found:
            try:
                flat = running.run_calls(model, plan, dtype)[0]
            except RuntimeError:  # loading leaves some classes with tensors of both types
                found.clear()
                flat = running.run_calls(model.to(dtype), plan, dtype)[0]
        return flat, found

    def _generate(self, plan, options):
        signature = inspect.signature(type(self.model).forward).parameters
        for attempt in range(ATTEMPTS):
            if attempt:
                plan = recipes.RECIPES[options.get("recipe", plan.name)](
                    self.maker, f"{plan.name}.{attempt}", options
                )
            inputs, kwargs = plan.calls[0]
            inputs = {name: item for name, item in inputs.items() if name in signature}
            sequences, margin = self._greedy(inputs, kwargs, options.get("common", False))
            if margin >= MARGIN:
                break
        else:
            raise SystemExit(f"no prompt with a margin of {MARGIN} in {ATTEMPTS}")
        row = self.pools.expected("sequences", sequences, 0, True)
        return {
            "inputs": _inputs.describe(inputs, self.pools),
            "kwargs": kwargs,
            "outputs": [row],
            "margin": float(f"{margin:.4g}"),
            **({"first": plan.first} if plan.first else {}),
        }

    def _greedy(self, inputs, kwargs, common):
        for name in FORCED:
            setattr(self.model.generation_config, name, None)
        if common:
            prepare = GenerationMixin.prepare_inputs_for_generation
            self.model.prepare_inputs_for_generation = types.MethodType(prepare, self.model)
        tensors = _inputs.to_torch(inputs, torch.float32)
        with torch.no_grad():
            result = self.model.generate(
                **tensors,
                **kwargs,
                return_dict_in_generate=True,
                output_scores=True,
            )
        vars(self.model).pop("prepare_inputs_for_generation", None)
        scores = torch.stack(result.scores, 1).double().numpy()
        best = np.sort(scores, axis=-1)
        return result.sequences.numpy(), float((best[..., -1] - best[..., -2]).min())
