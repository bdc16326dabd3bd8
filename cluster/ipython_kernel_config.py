# What the JVM and the C++ libraries print goes to the container's log, and not between a notebook's results.
c.IPKernelApp.capture_fd_output = False  # noqa: F821 - IPython gives it
