# The output of the JVM and of C++ libraries goes to the container's log instead of the notebook's results.
c.IPKernelApp.capture_fd_output = False  # noqa: F821 - IPython gives it
