"""Learning rules by name."""

from spark.nn.components.learning_rules.base import LearningRule, LearningRuleConfig
from spark.nn.components.learning_rules.hebbian import (
    HebbianRule,
    HebbianRuleConfig,
    OjaRule,
    OjaRuleConfig,
    STDPRule,
    STDPRuleConfig,
)
from spark.nn.components.learning_rules.modulated import (
    QuadrupletRule,
    QuadrupletRuleConfig,
    ThreeFactorHebbianRule,
    ThreeFactorHebbianRuleConfig,
)
from spark.nn.components.learning_rules.zenke import ZenkeRule, ZenkeRuleConfig

__all__ = [
    "HebbianRule", "HebbianRuleConfig", "LearningRule", "LearningRuleConfig", "OjaRule", "OjaRuleConfig",
    "QuadrupletRule", "QuadrupletRuleConfig", "STDPRule", "STDPRuleConfig", "ThreeFactorHebbianRule",
    "ThreeFactorHebbianRuleConfig", "ZenkeRule", "ZenkeRuleConfig",
]
