BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE findings (
	cell VARCHAR(64) NOT NULL, 
	judge VARCHAR(100) NOT NULL, 
	version VARCHAR(40) NOT NULL, 
	place INTEGER NOT NULL, 
	metric VARCHAR(100) NOT NULL, 
	variant VARCHAR(100) NOT NULL, 
	grp VARCHAR(200) NOT NULL, 
	split VARCHAR(40) NOT NULL, 
	value FLOAT, 
	low FLOAT, 
	high FLOAT, 
	n INTEGER NOT NULL, 
	status VARCHAR(20) NOT NULL, 
	reason TEXT NOT NULL, 
	replicates BLOB, 
	PRIMARY KEY (cell, judge, version, place)
);
INSERT INTO "findings" VALUES('ff60701b1fea2b1050690c38f7a9a9a05317cd96e0297c122fb48d1204d3d720','quality','1',0,'auc','v','g','test',0.75,0.5,0.875,7,'ok','',X'9A9999999999B93F555555555555D53F');
INSERT INTO "findings" VALUES('ff60701b1fea2b1050690c38f7a9a9a05317cd96e0297c122fb48d1204d3d720','quality','1',1,'r2','','','test',NULL,NULL,NULL,0,'insufficient','few rows',NULL);
CREATE TABLE judged (
	cell VARCHAR(64) NOT NULL, 
	judge VARCHAR(100) NOT NULL, 
	version VARCHAR(40) NOT NULL, 
	PRIMARY KEY (cell, judge, version)
);
INSERT INTO "judged" VALUES('ff60701b1fea2b1050690c38f7a9a9a05317cd96e0297c122fb48d1204d3d720','quality','1');
INSERT INTO "judged" VALUES('ff60701b1fea2b1050690c38f7a9a9a05317cd96e0297c122fb48d1204d3d720','cost','2');
CREATE TABLE leases (
	cell VARCHAR(64) NOT NULL, 
	runner VARCHAR(64) NOT NULL, 
	token VARCHAR(64) NOT NULL, 
	PRIMARY KEY (cell)
);
CREATE TABLE picks (
	team VARCHAR(200) NOT NULL, 
	task VARCHAR(200) NOT NULL, 
	entry VARCHAR(200) NOT NULL, 
	PRIMARY KEY (team, task)
);
INSERT INTO "picks" VALUES('red','little','mine');
CREATE TABLE plans (
	"key" VARCHAR(64) NOT NULL, 
	body JSON NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "plans" VALUES('kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk','{"plans": {"quality": {"withhold": [1, 2], "ask": [], "reason": ""}}, "withheld": [1, 2], "digest": "d"}');
CREATE TABLE results (
	id VARCHAR(64) NOT NULL, 
	entry VARCHAR(200) NOT NULL, 
	entry_digest VARCHAR(64) NOT NULL, 
	task VARCHAR(200) NOT NULL, 
	task_digest VARCHAR(64) NOT NULL, 
	seed INTEGER NOT NULL, 
	plan_digest VARCHAR(64) NOT NULL, 
	contract VARCHAR(20) NOT NULL, 
	outcome VARCHAR(20) NOT NULL, 
	reason TEXT NOT NULL, 
	log TEXT NOT NULL, 
	answers VARCHAR(64) NOT NULL, 
	level VARCHAR(40) NOT NULL, 
	limits JSON NOT NULL, 
	measurements JSON NOT NULL, 
	made_with JSON NOT NULL, 
	notes JSON NOT NULL, 
	ended_at VARCHAR(40) NOT NULL, token VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "results" VALUES('ff60701b1fea2b1050690c38f7a9a9a05317cd96e0297c122fb48d1204d3d720','mine','3333333333333333333333333333333333333333333333333333333333333333','little','tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt',0,'d','1','done','','','677fe21b65f4a6cf1d105853d51f4f0a562698aa6374cb4d279d46a99dd3e6a3','L2 bubblewrap','{"seconds": 3.5, "memory_mib": 4096, "log_mib": 16, "processes": 64, "threads": 1}','{"wall": 1.25, "cpu": null, "peak_mib": null, "fit": null, "predict": null, "before": null, "after": null, "warm_cpu": null, "load_cpu": null, "batch_dependent": false}','{"python": "3.11"}','["a \u00e9"]','2026-11-21T12:00:00.000+00:00','');
INSERT INTO "results" VALUES('07fafe4cf8be6f33b93b390229c62524024a7baec015b6db3d2b02e6c8892699','yours','2222222222222222222222222222222222222222222222222222222222222222','little','tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt',0,'d','1','failed','it''s "broken"; really','line 1
	line 2 é','','L1 process with limits','{"seconds": 600.0, "memory_mib": 4096, "log_mib": 16, "processes": 64, "threads": 1}','{"wall": null, "cpu": null, "peak_mib": null, "fit": null, "predict": null, "before": null, "after": null, "warm_cpu": null, "load_cpu": null, "batch_dependent": null}','{}','[]','2026-11-21T12:00:00.000+00:00','');
CREATE TABLE runners (
	id VARCHAR(64) NOT NULL, 
	beat INTEGER NOT NULL, 
	seconds FLOAT NOT NULL, 
	machine TEXT NOT NULL, 
	process TEXT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE submissions (
	number INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	team VARCHAR(200) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	body JSON NOT NULL, 
	at VARCHAR(40) NOT NULL, token VARCHAR(64) DEFAULT '' NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "submissions" VALUES(1,'mine','red','1111111111111111111111111111111111111111111111111111111111111111','{"name": "mine", "source": {"form": "code", "what": "model", "folder": "/x"}, "digest": "1111111111111111111111111111111111111111111111111111111111111111", "team": "red", "parameters": {"k": [1, 2]}, "environment": "", "claims": {"epsilon": 3}, "baseline": false, "kinds": []}','2026-11-21T12:00:00.000+00:00','');
INSERT INTO "submissions" VALUES(2,'yours','blue','2222222222222222222222222222222222222222222222222222222222222222','{"name": "yours", "source": {"form": "code", "what": "model", "folder": "/y"}, "digest": "2222222222222222222222222222222222222222222222222222222222222222", "team": "blue", "parameters": {}, "environment": "", "claims": {}, "baseline": false, "kinds": []}','2026-11-21T12:00:00.000+00:00','');
INSERT INTO "submissions" VALUES(3,'mine','red','3333333333333333333333333333333333333333333333333333333333333333','{"name": "mine", "source": {"form": "code", "what": "model", "folder": "/z"}, "digest": "3333333333333333333333333333333333333333333333333333333333333333", "team": "red", "parameters": {"k": [3]}, "environment": "", "claims": {}, "baseline": false, "kinds": []}','2026-11-21T12:00:00.000+00:00','');
CREATE INDEX results_by_task ON results (task_digest, seed);
COMMIT;
