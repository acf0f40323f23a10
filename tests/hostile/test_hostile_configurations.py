"""Hostile hyper-parameters and schedules: each ends soon in one sentence."""

import math

import keras
import numpy as np
from cases import each_of, ends_soon_in_one_sentence_or_works, get, without_preparation

from ganzoo.foundation import schedules

CONFIGURATIONS = {
    "a misspelt name": (get(widht=8), "did you mean 'width'"),
    "a game's own ingredient": (get(objective="hinge"), "has its own objective"),
    "latents of NaN": (get(latent_dim=math.nan), "latent_dim=nan must be an int, at least"),
    "latents of infinity": (get(latent_dim=math.inf), "latent_dim=inf must be"),
    "latents of True": (get(latent_dim=True), "latent_dim=True must be"),
    "latents of text": (get(latent_dim="4"), "latent_dim='4' must be"),
    "latents of None": (get(latent_dim=None), "latent_dim=None must be"),
    "latents of an array": (get(latent_dim=np.ones([9, 9])), "latent_dim=array"),
    "latents of a trillion": (get(latent_dim=10**12), "at most 65536"),
    "a width of 0": (get(width=0), "width=0 must be an int, at least 1"),
    "a width of a trillion": (get(width=10**12), "at most 16384 or None"),
    "a width of 8.0": (get(width=8.0), "width=8.0 must be"),
    "a seed below zero": (get(seed=-1), "seed=-1 must be"),
    "a seed of 64 bits": (get(seed=2**63), "at most 9223372036854775807"),
    "a rate of 0": (get(generator_learning_rate=0), "above 0 or a schedule"),
    "a rate of NaN": (get(generator_learning_rate=math.nan), "=nan must be"),
    "a rate of infinity": (get(discriminator_learning_rate=math.inf), "=inf must be"),
    "a rate beyond float32": (get(generator_learning_rate=1e39), "float of 32 bits, above 0"),
    "a rate beyond floats": (get(generator_learning_rate=10**400), "float of 32 bits, above 0"),
    "a rate of text": (get(generator_learning_rate="linear(1,0,9)"), "must be"),
    "a rate of a lambda": (get(generator_learning_rate=lambda step: 1.0), "must be"),
    "a complex rate": (get(generator_learning_rate=1j), "=1j must be"),
    "a decay above 1": (get(beta_1=1.5), "beta_1=1.5 must be .*at most 1"),
    "a decay below 0": (get(beta_2=-0.1), "beta_2=-0.1 must be .*at least 0"),
    "a schedule for what takes none": (get(beta_1=schedules.linear(1, 0, 9)), "must be"),
    "an average that never moves": (get(ema=1), "ema=1 must be .*at most 0.99999"),
    "no critic steps": (get(critic_steps=0), "critic_steps=0 must be"),
    "too many critic steps": (get(critic_steps=1001), "at most 1000"),
    "packs of none": (get(packing=0), "packing=0 must be"),
    "packs where D reconstructs": (get("began", packing=2), "is not defined for began"),
    "an unknown penalty": (get(penalties={"r9": 1}), "no penalty is called 'r9'"),
    "a penalty below zero": (get(penalties={"r1": -1}), "number of at least 0 or a schedule"),
    "a penalty of NaN": (get(penalties={"r1": math.nan}), "must be"),
    "a penalty of True": (get(penalties={"r1": True}), "must be"),
    "a penalty of text": (get(penalties={"r1": "10"}), "must be"),
    "a penalty beyond floats": (get(penalties={"r1": 10**400}), "must be"),
    "a list of penalties": (get(penalties=["r1"]), "must be weights by name"),
    "a penalty with batch normalisation": (
        get(penalties={"r1": 1}, discriminator_normalization="batch"),
        "use discriminator_normalization=",
    ),
    "an unknown architecture": (get(architecture="resnet99"), "must be one of 'auto'"),
    "an architecture of one": (get(architecture=[keras.Sequential()]), "a pair of Keras"),
    "an architecture of None": (get(architecture=None), "a pair of Keras models"),
    "an unknown objective": (get("dcgan", objective="l1"), "objective='l1' must be"),
    "an objective of an array": (get("dcgan", objective=np.array(["hinge"] * 2)), "must be"),
    "a coding of NaN": (get("lsgan", coding=(math.nan, 1, 0)), "must be one of"),
    "a coding of arrays": (get("lsgan", coding=(np.ones(2),) * 3), "must be one of"),
    "one class": (get("cgan", num_classes=1), "at least 2"),
    "a trillion classes": (get("cgan", num_classes=10**12), "at most 65536 or None"),
    "a trillion categories": (get("infogan", categories=10**12), "at most 65536"),
    "a trillion codes": (get("infogan", codes=10**12), "at most 65536"),
    "truth by number": (get(as_published=1), "as_published=1 must be True or False"),
    "diversity above 1": (get("began", gamma=2), "gamma=2 must be"),
    "a gain beyond float32": (get("began", proportional_gain=1e300), "float of 32 bits"),
    "a schedule of no shape": (lambda _: schedules.Schedule([], 1, 0, 9), "one of linear, cosine"),
    "a schedule of True": (lambda _: schedules.linear(True, 0, 9), "must be a number, not True"),
    "a schedule of NaN": (lambda _: schedules.linear(math.nan, 0, 9), "start=nan of the schedule"),
    "a schedule below zero": (lambda _: schedules.cosine(-1, 0, 9), "at least 0 and at most"),
    "a schedule of no steps": (lambda _: schedules.linear(1, 0, 0), "steps=0 of the schedule"),
    "a schedule beyond floats": (lambda _: schedules.linear(1, 0, 10**400), "at most 3e\\+38"),
    "a schedule from 0 by factors": (lambda _: schedules.exponential(0, 1, 9), "above 0"),
    "no text of a schedule": (lambda _: schedules.parse(3), "is not a schedule: write linear"),
    "a schedule of words": (lambda _: schedules.parse("linear(a, b, c)"), "START, END, STEPS"),
    "a schedule of too many": (lambda _: schedules.parse("linear(1,2,3,4,5)"), "START, END"),
    "a schedule of nothing": (lambda _: schedules.parse("linear()"), "START, END, STEPS"),
}


@each_of(without_preparation(CONFIGURATIONS))
def test_each_case_ends_soon_in_one_sentence_or_works(place, prepare, act, words):
    ends_soon_in_one_sentence_or_works(place, prepare, act, words)
