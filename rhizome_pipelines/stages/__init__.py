"""What a stage is, and the one runner that walks any stage through its units.

Here live the protocol of a stage, the runner, and the ports that the runner asks
(control, progress). What a particular stage does lives in the document work.
"""
