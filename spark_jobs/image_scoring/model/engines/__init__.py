"""The inference engines: the interface (engine), how one is opened (opening), and one module for each engine."""
