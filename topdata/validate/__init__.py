"""Check a built dataset against its manifest, and against physics.

Each rule is one function with a decorator that names it and says what it looks at; its docstring
is what ``topdata validate --list`` prints. A new rule is a new function in one of these modules.
"""

from topdata.validate.report import Finding, Report
from topdata.validate.rules import RULES, Rule
from topdata.validate.run import validate

__all__ = ["RULES", "Finding", "Report", "Rule", "validate"]
