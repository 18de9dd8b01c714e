"""Where the noise goes, and what an attack of a given norm costs against it."""

from smoothgen.mechanisms.forward_diffusion import ForwardDiffusion
from smoothgen.mechanisms.gaussian import Gaussian
from smoothgen.mechanisms.protocol import Mechanism
from smoothgen.mechanisms.registry import mechanism_from_dict
from smoothgen.mechanisms.schedules import GaussianPerStep, LatentSchedule
from smoothgen.mechanisms.shape import Shape
from smoothgen.mechanisms.shaped import ShapedGaussian
from smoothgen.mechanisms.synonyms import SynonymClasses

__all__ = [
    "ForwardDiffusion",
    "Gaussian",
    "GaussianPerStep",
    "LatentSchedule",
    "Mechanism",
    "Shape",
    "ShapedGaussian",
    "SynonymClasses",
    "mechanism_from_dict",
]
