"""Learning rules by name."""

from spark.nn.components.learning_rules.base import LearningRule, LearningRuleConfig

__all__ = ["LearningRule", "LearningRuleConfig"]
