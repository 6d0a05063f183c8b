"""What an experiment will take, said before it is begun. Torch-free.

An estimate from the products that training is made of, at the pace of one core that was measured once (as if
nothing else ran): good to about a factor of two.
"""

from __future__ import annotations

from xviz.learning.meta.spec import MetaSpec

WORDS_A_SENTENCE = 20
FLOPS = 3e10  # a second, of one core in these small products
SECONDS_A_PROBE = 6.0  # of some 12,000 words; one for the source, and one a target for the ceiling
ADAPTED_A_SECOND = 4e6  # words through a G of 32 x 32, forward and back


def estimated_seconds(spec: MetaSpec, *, width: int) -> float:
    """Seconds on one core for training, few-shot learning and baselines; vectors are there already.

    Args:
        width: of the network whose vectors they are.
    """
    design, training = spec.design, spec.design.training
    hidden = training.hidden or (384 if spec.concepts == "deprel" else 256)
    rank = design.probe.rank or (64 if spec.concepts == "deprel" else 32)
    languages = len(spec.training) + design.with_source
    episodes = training.epochs * training.episodes * languages
    word = 6 * hidden * (width + rank)
    seconds = SECONDS_A_PROBE
    if "meta_zero_shot" in design.methods:
        seconds += episodes * training.query * WORDS_A_SENTENCE * word * design.seeds / FLOPS
    if "meta_few_shot" in design.methods:
        support = training.support / 3  # without a gradient through the map
        words = (training.query + support) * WORDS_A_SENTENCE
        seconds += episodes * words * word * design.seeds / FLOPS
        tasks = (len(spec.targets) + 1) * design.draws * design.seeds
        seen = sum(design.shots) * WORDS_A_SENTENCE * training.adapt_epochs
        seconds += tasks * seen * (rank / 32) ** 2 / ADAPTED_A_SECOND
    if "in_language" in design.methods:
        seconds += SECONDS_A_PROBE * len(spec.targets)
    return seconds
