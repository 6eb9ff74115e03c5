"""
Everything on one machine: PostgreSQL, Temporal, a NinjaOne simulator, server and worker, with sample data.

``workflow-devstack up`` takes a data folder (:mod:`~workflow_devstack.folder`), starts what is needed as separate
processes (:mod:`~workflow_devstack.stack`), fills in two tenants (:mod:`~workflow_devstack.seed`), has the sample
workflow run over the HTTP API (:mod:`~workflow_devstack.sample`) and shows what came of it
(:mod:`~workflow_devstack.report`). For development and demonstration only: keys lie in files and PostgreSQL trusts
its socket.
"""
