"""x"""
from typing import Any
def measure(w: Any) -> dict[str, Any]: return {}
def tables(f: Any) -> str: return ""
