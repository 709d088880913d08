"""The processors: everything that decides, behind one seam (`processor`).

A processor gets records, stores and tables, and returns an output. The runtime's task, `simulate` and the
tests are its hosts; what is true in one host is true in all.
"""
