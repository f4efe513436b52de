CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.findings (
    cell text NOT NULL,
    judge text NOT NULL,
    version text NOT NULL,
    place integer NOT NULL,
    metric text NOT NULL,
    variant text NOT NULL,
    grp text NOT NULL,
    split text NOT NULL,
    value double precision,
    low double precision,
    high double precision,
    n integer NOT NULL,
    status text NOT NULL,
    reason text NOT NULL,
    replicates bytea
);
CREATE TABLE public.judged (
    cell text NOT NULL,
    judge text NOT NULL,
    version text NOT NULL
);
CREATE TABLE public.leases (
    cell character varying(64) NOT NULL,
    runner character varying(64) NOT NULL,
    token character varying(64) NOT NULL
);
CREATE TABLE public.picks (
    team text NOT NULL,
    task text NOT NULL,
    entry text NOT NULL
);
CREATE TABLE public.plans (
    key text NOT NULL,
    body json NOT NULL
);
CREATE TABLE public.results (
    id text NOT NULL,
    entry text NOT NULL,
    entry_digest text NOT NULL,
    task text NOT NULL,
    task_digest text NOT NULL,
    seed integer NOT NULL,
    plan_digest text NOT NULL,
    contract text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    log text NOT NULL,
    answers text NOT NULL,
    level text NOT NULL,
    limits json NOT NULL,
    measurements json NOT NULL,
    made_with json NOT NULL,
    notes json NOT NULL,
    ended_at text NOT NULL,
    token text DEFAULT ''::character varying NOT NULL
);
CREATE TABLE public.runners (
    id character varying(64) NOT NULL,
    beat integer NOT NULL,
    seconds double precision NOT NULL,
    machine text NOT NULL,
    process text NOT NULL
);
CREATE TABLE public.submissions (
    number integer NOT NULL,
    name text NOT NULL,
    team text NOT NULL,
    digest text NOT NULL,
    body json NOT NULL,
    at text NOT NULL,
    token text DEFAULT ''::character varying NOT NULL
);
CREATE SEQUENCE public.submissions_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.submissions_number_seq OWNED BY public.submissions.number;
ALTER TABLE ONLY public.submissions ALTER COLUMN number SET DEFAULT nextval('public.submissions_number_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0002');
INSERT INTO public.findings VALUES ('ff60701b1fea2b1050690c38f7a9a9a05317cd96e0297c122fb48d1204d3d720', 'quality', '1', 0, 'auc', 'v', 'g', 'test', 0.75, 0.5, 0.875, 7, 'ok', '', '\x9a9999999999b93f555555555555d53f');
INSERT INTO public.findings VALUES ('ff60701b1fea2b1050690c38f7a9a9a05317cd96e0297c122fb48d1204d3d720', 'quality', '1', 1, 'r2', '', '', 'test', NULL, NULL, NULL, 0, 'insufficient', 'few rows', NULL);
INSERT INTO public.judged VALUES ('ff60701b1fea2b1050690c38f7a9a9a05317cd96e0297c122fb48d1204d3d720', 'quality', '1');
INSERT INTO public.judged VALUES ('ff60701b1fea2b1050690c38f7a9a9a05317cd96e0297c122fb48d1204d3d720', 'cost', '2');
INSERT INTO public.picks VALUES ('red', 'little', 'mine');
INSERT INTO public.plans VALUES ('kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk', '{"plans": {"quality": {"withhold": [1, 2], "ask": [], "reason": ""}}, "withheld": [1, 2], "digest": "d"}');
INSERT INTO public.results VALUES ('ff60701b1fea2b1050690c38f7a9a9a05317cd96e0297c122fb48d1204d3d720', 'mine', '3333333333333333333333333333333333333333333333333333333333333333', 'little', 'tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt', 0, 'd', '1', 'done', '', '', '677fe21b65f4a6cf1d105853d51f4f0a562698aa6374cb4d279d46a99dd3e6a3', 'L2 bubblewrap', '{"seconds": 3.5, "memory_mib": 4096, "log_mib": 16, "processes": 64, "threads": 1}', '{"wall": 1.25, "cpu": null, "peak_mib": null, "fit": null, "predict": null, "before": null, "after": null, "warm_cpu": null, "load_cpu": null, "batch_dependent": false}', '{"python": "3.11"}', '["a \u00e9"]', '2026-11-21T12:00:00.000+00:00', '');
INSERT INTO public.results VALUES ('07fafe4cf8be6f33b93b390229c62524024a7baec015b6db3d2b02e6c8892699', 'yours', '2222222222222222222222222222222222222222222222222222222222222222', 'little', 'tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt', 0, 'd', '1', 'failed', 'it''s "broken"; really', 'line 1
	line 2 é', '', 'L1 process with limits', '{"seconds": 600.0, "memory_mib": 4096, "log_mib": 16, "processes": 64, "threads": 1}', '{"wall": null, "cpu": null, "peak_mib": null, "fit": null, "predict": null, "before": null, "after": null, "warm_cpu": null, "load_cpu": null, "batch_dependent": null}', '{}', '[]', '2026-11-21T12:00:00.000+00:00', '');
INSERT INTO public.submissions VALUES (1, 'mine', 'red', '1111111111111111111111111111111111111111111111111111111111111111', '{"name": "mine", "source": {"form": "code", "what": "model", "folder": "/x"}, "digest": "1111111111111111111111111111111111111111111111111111111111111111", "team": "red", "parameters": {"k": [1, 2]}, "environment": "", "claims": {"epsilon": 3}, "baseline": false, "kinds": []}', '2026-11-21T12:00:00.000+00:00', '');
INSERT INTO public.submissions VALUES (2, 'yours', 'blue', '2222222222222222222222222222222222222222222222222222222222222222', '{"name": "yours", "source": {"form": "code", "what": "model", "folder": "/y"}, "digest": "2222222222222222222222222222222222222222222222222222222222222222", "team": "blue", "parameters": {}, "environment": "", "claims": {}, "baseline": false, "kinds": []}', '2026-11-21T12:00:00.000+00:00', '');
INSERT INTO public.submissions VALUES (3, 'mine', 'red', '3333333333333333333333333333333333333333333333333333333333333333', '{"name": "mine", "source": {"form": "code", "what": "model", "folder": "/z"}, "digest": "3333333333333333333333333333333333333333333333333333333333333333", "team": "red", "parameters": {"k": [3]}, "environment": "", "claims": {}, "baseline": false, "kinds": []}', '2026-11-21T12:00:00.000+00:00', '');
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.findings
    ADD CONSTRAINT findings_pkey PRIMARY KEY (cell, judge, version, place);
ALTER TABLE ONLY public.judged
    ADD CONSTRAINT judged_pkey PRIMARY KEY (cell, judge, version);
ALTER TABLE ONLY public.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (cell);
ALTER TABLE ONLY public.picks
    ADD CONSTRAINT picks_pkey PRIMARY KEY (team, task);
ALTER TABLE ONLY public.plans
    ADD CONSTRAINT plans_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.results
    ADD CONSTRAINT results_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.runners
    ADD CONSTRAINT runners_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.submissions
    ADD CONSTRAINT submissions_pkey PRIMARY KEY (number);
CREATE INDEX results_by_task ON public.results USING btree (task_digest, seed);
