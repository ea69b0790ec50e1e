"""A guard against regressions: a subset measured and compared, paired, with committed figures."""
