"""Where the noise goes, and what an attack of a given norm costs against it."""

from smoothgen.mechanisms.gaussian import Gaussian
from smoothgen.mechanisms.protocol import Mechanism
from smoothgen.mechanisms.registry import mechanism_from_dict

__all__ = ["Gaussian", "Mechanism", "mechanism_from_dict"]
