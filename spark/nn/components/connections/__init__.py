"""Linear maps between modules: connections that stand in a brain of their own, as in NIR."""

from spark.nn.components.connections.base import Connection, ConnectionConfig
from spark.nn.components.connections.convolution import Conv1d, Conv1dConfig, Conv2d, Conv2dConfig
from spark.nn.components.connections.delay import Delay, DelayConfig
from spark.nn.components.connections.linear import Affine, AffineConfig, Linear, LinearConfig
from spark.nn.components.connections.pointwise import Flatten, FlattenConfig, Scale, ScaleConfig, Sum, SumConfig
from spark.nn.components.connections.pooling import AvgPool2d, AvgPool2dConfig, SumPool2d, SumPool2dConfig

__all__ = [
    "Affine", "AffineConfig", "AvgPool2d", "AvgPool2dConfig", "Connection", "ConnectionConfig", "Conv1d",
    "Conv1dConfig", "Conv2d", "Conv2dConfig", "Delay", "DelayConfig", "Flatten", "FlattenConfig", "Linear",
    "LinearConfig", "Scale", "ScaleConfig", "Sum", "SumConfig", "SumPool2d", "SumPool2dConfig",
]
