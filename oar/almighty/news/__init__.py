"""Tells users what becomes of their jobs, and administrators what becomes of the cluster."""

from oar.almighty.news.daemon import News

__all__ = ["News"]
