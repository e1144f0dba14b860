"""A shop window: an app that is a package."""
