"""The native schema: OAR's tables with foreign keys, sets of resources as multiranges, OAR's views of them.

Revision ID: 0001
Revises:
"""

from alembic import op

from oar.db.views import create_views, drop_views

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE accounting (
    window_start INTEGER NOT NULL,
    window_stop INTEGER DEFAULT 0 NOT NULL,
    accounting_user VARCHAR(255) DEFAULT '' NOT NULL,
    accounting_project VARCHAR(255) DEFAULT '' NOT NULL,
    queue_name VARCHAR(100) DEFAULT '' NOT NULL,
    consumption_type VARCHAR(5) DEFAULT 'ASKED' NOT NULL,
    consumption BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT pk_accounting
        PRIMARY KEY (window_start, window_stop, accounting_user, accounting_project, queue_name,
            consumption_type),
    CONSTRAINT ck_accounting_consumption_type CHECK (consumption_type IN ('ASKED', 'USED'))
);
CREATE INDEX ix_accounting_accounting_project ON accounting (accounting_project);
CREATE INDEX ix_accounting_accounting_user ON accounting (accounting_user);
CREATE INDEX ix_accounting_queue_name ON accounting (queue_name);
CREATE INDEX ix_accounting_window_stop ON accounting (window_stop);

CREATE TABLE admission_rules (
    id BIGSERIAL NOT NULL,
    priority INTEGER DEFAULT 0 NOT NULL,
    enabled VARCHAR(3) DEFAULT 'YES' NOT NULL,
    rule TEXT NOT NULL,
    CONSTRAINT pk_admission_rules PRIMARY KEY (id),
    CONSTRAINT ck_admission_rules_enabled CHECK (enabled IN ('YES', 'NO'))
);

CREATE TABLE event_logs (
    event_id BIGSERIAL NOT NULL,
    type VARCHAR(50) DEFAULT '' NOT NULL,
    job_id INTEGER DEFAULT 0 NOT NULL,
    date INTEGER DEFAULT 0 NOT NULL,
    description TEXT DEFAULT '' NOT NULL,
    to_check VARCHAR(3) DEFAULT 'YES' NOT NULL,
    CONSTRAINT pk_event_logs PRIMARY KEY (event_id),
    CONSTRAINT ck_event_logs_to_check CHECK (to_check IN ('YES', 'NO'))
);
CREATE INDEX ix_event_logs_date ON event_logs (date);
CREATE INDEX ix_event_logs_job_id ON event_logs (job_id);
CREATE INDEX ix_event_logs_pending ON event_logs (event_id) WHERE to_check = 'YES';

CREATE TABLE files (
    file_id BIGSERIAL NOT NULL,
    md5sum VARCHAR(255),
    location VARCHAR(255),
    method VARCHAR(255),
    compression VARCHAR(255),
    size INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_files PRIMARY KEY (file_id)
);
CREATE INDEX ix_files_md5sum ON files (md5sum);

CREATE TABLE gantt_jobs_predictions_log (
    sched_date INTEGER DEFAULT 0 NOT NULL,
    moldable_job_id INTEGER DEFAULT 0 NOT NULL,
    start_time INTEGER DEFAULT 0 NOT NULL,
    resources INT4MULTIRANGE DEFAULT '{}' NOT NULL,
    CONSTRAINT pk_gantt_jobs_predictions_log PRIMARY KEY (sched_date, moldable_job_id)
);

CREATE TABLE queues (
    queue_name VARCHAR(100) DEFAULT '' NOT NULL,
    priority INTEGER DEFAULT 0 NOT NULL,
    scheduler_policy VARCHAR(100) DEFAULT '' NOT NULL,
    state VARCHAR(9) DEFAULT 'Active' NOT NULL,
    failures INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_queues PRIMARY KEY (queue_name),
    CONSTRAINT ck_queues_state CHECK (state IN ('Active', 'notActive'))
);

CREATE TABLE resources (
    resource_id BIGSERIAL NOT NULL,
    type VARCHAR(100) DEFAULT 'default' NOT NULL,
    network_address VARCHAR(100) DEFAULT '' NOT NULL,
    state VARCHAR(9) DEFAULT 'Alive' NOT NULL,
    next_state VARCHAR(9) DEFAULT 'UnChanged' NOT NULL,
    finaud_decision VARCHAR(3) DEFAULT 'NO' NOT NULL,
    next_finaud_decision VARCHAR(3) DEFAULT 'NO' NOT NULL,
    state_num INTEGER DEFAULT 0 NOT NULL,
    suspended_jobs VARCHAR(3) DEFAULT 'NO' NOT NULL,
    scheduler_priority INTEGER DEFAULT 0 NOT NULL,
    cpuset VARCHAR(255) DEFAULT '0' NOT NULL,
    besteffort VARCHAR(3) DEFAULT 'YES' NOT NULL,
    deploy VARCHAR(3) DEFAULT 'NO' NOT NULL,
    expiry_date INTEGER DEFAULT 0 NOT NULL,
    desktop_computing VARCHAR(3) DEFAULT 'NO' NOT NULL,
    last_job_date INTEGER DEFAULT 0 NOT NULL,
    available_upto INTEGER DEFAULT 2147483647 NOT NULL,
    last_available_upto INTEGER DEFAULT 0 NOT NULL,
    drain VARCHAR(3) DEFAULT 'NO' NOT NULL,
    CONSTRAINT pk_resources PRIMARY KEY (resource_id),
    CONSTRAINT ck_resources_state CHECK (state IN ('Alive', 'Absent', 'Suspected', 'Dead')),
    CONSTRAINT ck_resources_next_state
        CHECK (next_state IN ('UnChanged', 'Alive', 'Absent', 'Suspected', 'Dead')),
    CONSTRAINT ck_resources_finaud_decision CHECK (finaud_decision IN ('YES', 'NO')),
    CONSTRAINT ck_resources_next_finaud_decision CHECK (next_finaud_decision IN ('YES', 'NO')),
    CONSTRAINT ck_resources_suspended_jobs CHECK (suspended_jobs IN ('YES', 'NO')),
    CONSTRAINT ck_resources_besteffort CHECK (besteffort IN ('YES', 'NO')),
    CONSTRAINT ck_resources_deploy CHECK (deploy IN ('YES', 'NO')),
    CONSTRAINT ck_resources_desktop_computing CHECK (desktop_computing IN ('YES', 'NO')),
    CONSTRAINT ck_resources_drain CHECK (drain IN ('YES', 'NO'))
);
CREATE INDEX ix_resources_network_address ON resources (network_address);
CREATE INDEX ix_resources_state ON resources (state);
CREATE INDEX ix_resources_to_change ON resources (resource_id) WHERE next_state <> 'UnChanged';
CREATE INDEX ix_resources_type ON resources (type);

CREATE TABLE scheduler (
    name VARCHAR(100) NOT NULL,
    script VARCHAR(100) NOT NULL,
    description VARCHAR(255) NOT NULL,
    CONSTRAINT pk_scheduler PRIMARY KEY (name)
);

CREATE TABLE schema (
    version VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL
);

CREATE TABLE event_log_hostnames (
    event_id INTEGER NOT NULL,
    hostname VARCHAR(255) DEFAULT '' NOT NULL,
    CONSTRAINT pk_event_log_hostnames PRIMARY KEY (event_id, hostname),
    CONSTRAINT fk_event_log_hostnames_event_id
        FOREIGN KEY (event_id) REFERENCES event_logs (event_id) ON DELETE CASCADE
);
CREATE INDEX ix_event_log_hostnames_hostname ON event_log_hostnames (hostname);

CREATE TABLE jobs (
    job_id BIGSERIAL NOT NULL,
    array_id INTEGER DEFAULT 0 NOT NULL,
    array_index INTEGER DEFAULT 1 NOT NULL,
    initial_request TEXT,
    job_name VARCHAR(100),
    job_env TEXT,
    job_type VARCHAR(11) DEFAULT 'PASSIVE' NOT NULL,
    info_type VARCHAR(255),
    state VARCHAR(16) DEFAULT 'Waiting' NOT NULL,
    reservation VARCHAR(10) DEFAULT 'None' NOT NULL,
    message VARCHAR(255) DEFAULT '' NOT NULL,
    scheduler_info VARCHAR(255) DEFAULT '' NOT NULL,
    job_user VARCHAR(255) DEFAULT '' NOT NULL,
    project VARCHAR(255) DEFAULT '' NOT NULL,
    job_group VARCHAR(255) DEFAULT '' NOT NULL,
    command TEXT,
    exit_code INTEGER,
    queue_name VARCHAR(100) DEFAULT '' NOT NULL,
    properties TEXT,
    launching_directory TEXT NOT NULL,
    submission_time INTEGER DEFAULT 0 NOT NULL,
    start_time INTEGER DEFAULT 0 NOT NULL,
    stop_time INTEGER DEFAULT 0 NOT NULL,
    file_id INTEGER,
    accounted VARCHAR(3) DEFAULT 'NO' NOT NULL,
    notify VARCHAR(255),
    assigned_moldable_job INTEGER,
    checkpoint INTEGER DEFAULT 0 NOT NULL,
    checkpoint_signal INTEGER NOT NULL,
    stdout_file TEXT,
    stderr_file TEXT,
    resubmit_job_id INTEGER DEFAULT 0 NOT NULL,
    suspended VARCHAR(3) DEFAULT 'NO' NOT NULL,
    last_karma REAL,
    CONSTRAINT pk_jobs PRIMARY KEY (job_id),
    CONSTRAINT ck_jobs_job_type CHECK (job_type IN ('PASSIVE', 'INTERACTIVE')),
    CONSTRAINT ck_jobs_state
        CHECK (state IN ('Waiting', 'Hold', 'toLaunch', 'toError', 'toAckReservation', 'Launching',
            'Running', 'Suspended', 'Resuming', 'Finishing', 'Terminated', 'Error')),
    CONSTRAINT ck_jobs_reservation CHECK (reservation IN ('None', 'toSchedule', 'Scheduled')),
    CONSTRAINT ck_jobs_accounted CHECK (accounted IN ('YES', 'NO', 'NA')),
    CONSTRAINT ck_jobs_suspended CHECK (suspended IN ('YES', 'NO')),
    CONSTRAINT fk_jobs_file_id FOREIGN KEY (file_id) REFERENCES files (file_id) ON DELETE SET NULL
);
CREATE INDEX ix_jobs_array_id ON jobs (array_id);
CREATE INDEX ix_jobs_assigned_moldable_job ON jobs (assigned_moldable_job);
CREATE INDEX ix_jobs_job_user ON jobs (job_user);
CREATE INDEX ix_jobs_live ON jobs (queue_name, job_id)
    WHERE state IN ('Waiting', 'Hold', 'toLaunch', 'toError', 'toAckReservation', 'Launching', 'Running',
        'Suspended', 'Resuming', 'Finishing');
CREATE INDEX ix_jobs_live_user ON jobs (job_user, job_id)
    WHERE state IN ('Waiting', 'Hold', 'toLaunch', 'toError', 'toAckReservation', 'Launching', 'Running',
        'Suspended', 'Resuming', 'Finishing');
CREATE INDEX ix_jobs_reserved ON jobs (start_time) WHERE reservation <> 'None';
CREATE INDEX ix_jobs_resubmitted ON jobs (resubmit_job_id) WHERE resubmit_job_id <> 0;
CREATE INDEX ix_jobs_state_job_id ON jobs (state, job_id);
CREATE INDEX ix_jobs_stop_time ON jobs (stop_time);
CREATE INDEX ix_jobs_to_account ON jobs (job_id)
    WHERE accounted = 'NO' AND state IN ('Error', 'Terminated');
CREATE INDEX ix_jobs_was_suspended ON jobs (job_id) WHERE suspended = 'YES';
CREATE INDEX ix_jobs_with_file ON jobs (file_id) WHERE file_id IS NOT NULL;

CREATE TABLE resource_logs (
    resource_log_id BIGSERIAL NOT NULL,
    resource_id INTEGER NOT NULL,
    attribute VARCHAR(255) DEFAULT '' NOT NULL,
    value VARCHAR(255) DEFAULT '' NOT NULL,
    date_start INTEGER DEFAULT 0 NOT NULL,
    date_stop INTEGER DEFAULT 0 NOT NULL,
    finaud_decision VARCHAR(3) DEFAULT 'NO' NOT NULL,
    CONSTRAINT pk_resource_logs PRIMARY KEY (resource_log_id),
    CONSTRAINT ck_resource_logs_finaud_decision CHECK (finaud_decision IN ('YES', 'NO')),
    CONSTRAINT fk_resource_logs_resource_id
        FOREIGN KEY (resource_id) REFERENCES resources (resource_id) ON DELETE CASCADE
);
CREATE INDEX ix_resource_logs_attribute_date_stop ON resource_logs (attribute, date_stop);
CREATE INDEX ix_resource_logs_date_start ON resource_logs (date_start);
CREATE INDEX ix_resource_logs_date_stop ON resource_logs (date_stop);
CREATE INDEX ix_resource_logs_id_dstop_attr ON resource_logs (resource_id, date_stop, attribute);

CREATE TABLE challenges (
    job_id INTEGER NOT NULL,
    challenge VARCHAR(255) DEFAULT '' NOT NULL,
    ssh_private_key TEXT DEFAULT '' NOT NULL,
    ssh_public_key TEXT DEFAULT '' NOT NULL,
    CONSTRAINT pk_challenges PRIMARY KEY (job_id),
    CONSTRAINT fk_challenges_job_id FOREIGN KEY (job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);

CREATE TABLE frag_jobs (
    frag_id_job INTEGER NOT NULL,
    frag_date INTEGER DEFAULT 0 NOT NULL,
    frag_state VARCHAR(16) DEFAULT 'LEON' NOT NULL,
    CONSTRAINT pk_frag_jobs PRIMARY KEY (frag_id_job),
    CONSTRAINT ck_frag_jobs_frag_state
        CHECK (frag_state IN ('LEON', 'TIMER_ARMED', 'LEON_EXTERMINATE', 'FRAGGED')),
    CONSTRAINT fk_frag_jobs_frag_id_job FOREIGN KEY (frag_id_job) REFERENCES jobs (job_id) ON DELETE CASCADE
);
CREATE INDEX ix_frag_jobs_open ON frag_jobs (frag_id_job)
    WHERE frag_state IN ('LEON', 'TIMER_ARMED', 'LEON_EXTERMINATE');

CREATE TABLE job_dependencies (
    job_id INTEGER NOT NULL,
    job_id_required INTEGER NOT NULL,
    job_dependency_index VARCHAR(7) DEFAULT 'CURRENT' NOT NULL,
    min_start_shift VARCHAR(12) DEFAULT '' NOT NULL,
    max_start_shift VARCHAR(12) DEFAULT '' NOT NULL,
    CONSTRAINT pk_job_dependencies PRIMARY KEY (job_id, job_id_required),
    CONSTRAINT ck_job_dependencies_job_dependency_index CHECK (job_dependency_index IN ('CURRENT', 'LOG')),
    CONSTRAINT fk_job_dependencies_job_id FOREIGN KEY (job_id) REFERENCES jobs (job_id) ON DELETE CASCADE,
    CONSTRAINT fk_job_dependencies_job_id_required
        FOREIGN KEY (job_id_required) REFERENCES jobs (job_id) ON DELETE CASCADE
);
CREATE INDEX ix_job_dependencies_current ON job_dependencies (job_id)
    WHERE job_dependency_index = 'CURRENT';
CREATE INDEX ix_job_dependencies_job_id_required ON job_dependencies (job_id_required);

CREATE TABLE job_state_logs (
    job_state_log_id BIGSERIAL NOT NULL,
    job_id INTEGER NOT NULL,
    job_state VARCHAR(16) DEFAULT 'Waiting' NOT NULL,
    date_start INTEGER DEFAULT 0 NOT NULL,
    date_stop INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_job_state_logs PRIMARY KEY (job_state_log_id),
    CONSTRAINT ck_job_state_logs_job_state
        CHECK (job_state IN ('Waiting', 'Hold', 'toLaunch', 'toError', 'toAckReservation', 'Launching',
            'Running', 'Suspended', 'Resuming', 'Finishing', 'Terminated', 'Error')),
    CONSTRAINT fk_job_state_logs_job_id FOREIGN KEY (job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
CREATE INDEX ix_job_state_logs_job_id_date_stop ON job_state_logs (job_id, date_stop);

CREATE TABLE job_types (
    job_type_id BIGSERIAL NOT NULL,
    job_id INTEGER NOT NULL,
    type VARCHAR(255) DEFAULT '' NOT NULL,
    types_index VARCHAR(7) DEFAULT 'CURRENT' NOT NULL,
    CONSTRAINT pk_job_types PRIMARY KEY (job_type_id),
    CONSTRAINT ck_job_types_types_index CHECK (types_index IN ('CURRENT', 'LOG')),
    CONSTRAINT fk_job_types_job_id FOREIGN KEY (job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
CREATE INDEX ix_job_types_current ON job_types (type, job_id) WHERE types_index = 'CURRENT';
CREATE INDEX ix_job_types_job_id ON job_types (job_id);

CREATE TABLE moldable_job_descriptions (
    moldable_id BIGSERIAL NOT NULL,
    moldable_job_id INTEGER NOT NULL,
    moldable_walltime INTEGER DEFAULT 0 NOT NULL,
    moldable_index VARCHAR(7) DEFAULT 'CURRENT' NOT NULL,
    least_walltime INTEGER,
    most_walltime INTEGER,
    CONSTRAINT pk_moldable_job_descriptions PRIMARY KEY (moldable_id),
    CONSTRAINT ck_moldable_job_descriptions_moldable_index CHECK (moldable_index IN ('CURRENT', 'LOG')),
    CONSTRAINT fk_moldable_job_descriptions_moldable_job_id
        FOREIGN KEY (moldable_job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
CREATE INDEX ix_moldable_job_descriptions_current ON moldable_job_descriptions (moldable_job_id)
    WHERE moldable_index = 'CURRENT';
CREATE INDEX ix_moldable_job_descriptions_moldable_job_id ON moldable_job_descriptions (moldable_job_id);

CREATE TABLE walltime_change (
    job_id INTEGER NOT NULL,
    pending INTEGER DEFAULT 0 NOT NULL,
    force VARCHAR(3) DEFAULT 'NO' NOT NULL,
    delay_next_jobs VARCHAR(3) DEFAULT 'NO' NOT NULL,
    whole VARCHAR(3) DEFAULT 'NO' NOT NULL,
    granted INTEGER DEFAULT 0 NOT NULL,
    granted_with_force INTEGER DEFAULT 0 NOT NULL,
    granted_with_delay_next_jobs INTEGER DEFAULT 0 NOT NULL,
    granted_with_whole INTEGER DEFAULT 0 NOT NULL,
    timeout INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT pk_walltime_change PRIMARY KEY (job_id),
    CONSTRAINT ck_walltime_change_force CHECK (force IN ('YES', 'NO')),
    CONSTRAINT ck_walltime_change_delay_next_jobs CHECK (delay_next_jobs IN ('YES', 'NO')),
    CONSTRAINT ck_walltime_change_whole CHECK (whole IN ('YES', 'NO')),
    CONSTRAINT fk_walltime_change_job_id FOREIGN KEY (job_id) REFERENCES jobs (job_id) ON DELETE CASCADE
);
CREATE INDEX ix_walltime_change_pending ON walltime_change (job_id) WHERE pending <> 0;

CREATE TABLE assignments (
    moldable_job_id INTEGER NOT NULL,
    resources INT4MULTIRANGE DEFAULT '{}' NOT NULL,
    assigned_resource_index VARCHAR(7) DEFAULT 'CURRENT' NOT NULL,
    CONSTRAINT pk_assignments PRIMARY KEY (moldable_job_id, assigned_resource_index),
    CONSTRAINT ck_assignments_assigned_resource_index CHECK (assigned_resource_index IN ('CURRENT', 'LOG')),
    CONSTRAINT fk_assignments_moldable_job_id
        FOREIGN KEY (moldable_job_id) REFERENCES moldable_job_descriptions (moldable_id) ON DELETE CASCADE
);
CREATE INDEX ix_assignments_current ON assignments (moldable_job_id)
    WHERE assigned_resource_index = 'CURRENT';

CREATE TABLE gantt_jobs_predictions (
    moldable_job_id INTEGER NOT NULL,
    start_time INTEGER DEFAULT 0 NOT NULL,
    resources INT4MULTIRANGE DEFAULT '{}' NOT NULL,
    walltime INTEGER,
    CONSTRAINT pk_gantt_jobs_predictions PRIMARY KEY (moldable_job_id),
    CONSTRAINT fk_gantt_jobs_predictions_moldable_job_id
        FOREIGN KEY (moldable_job_id) REFERENCES moldable_job_descriptions (moldable_id) ON DELETE CASCADE
);

CREATE TABLE job_resource_groups (
    res_group_id BIGSERIAL NOT NULL,
    res_group_moldable_id INTEGER NOT NULL,
    res_group_property TEXT,
    res_group_index VARCHAR(7) DEFAULT 'CURRENT' NOT NULL,
    CONSTRAINT pk_job_resource_groups PRIMARY KEY (res_group_id),
    CONSTRAINT ck_job_resource_groups_res_group_index CHECK (res_group_index IN ('CURRENT', 'LOG')),
    CONSTRAINT fk_job_resource_groups_res_group_moldable_id
        FOREIGN KEY (res_group_moldable_id) REFERENCES moldable_job_descriptions (moldable_id) ON DELETE
            CASCADE
);
CREATE INDEX ix_job_resource_groups_current ON job_resource_groups (res_group_moldable_id)
    WHERE res_group_index = 'CURRENT';
CREATE INDEX ix_job_resource_groups_res_group_moldable_id ON job_resource_groups (res_group_moldable_id);

CREATE TABLE job_resource_descriptions (
    res_job_group_id INTEGER NOT NULL,
    res_job_resource_type VARCHAR(255) DEFAULT '' NOT NULL,
    res_job_value INTEGER DEFAULT 0 NOT NULL,
    res_job_order INTEGER DEFAULT 0 NOT NULL,
    res_job_index VARCHAR(7) DEFAULT 'CURRENT' NOT NULL,
    CONSTRAINT pk_job_resource_descriptions
        PRIMARY KEY (res_job_group_id, res_job_resource_type, res_job_order),
    CONSTRAINT ck_job_resource_descriptions_res_job_index CHECK (res_job_index IN ('CURRENT', 'LOG')),
    CONSTRAINT fk_job_resource_descriptions_res_job_group_id
        FOREIGN KEY (res_job_group_id) REFERENCES job_resource_groups (res_group_id) ON DELETE CASCADE
);
CREATE INDEX ix_job_resource_descriptions_current ON job_resource_descriptions (res_job_group_id)
    WHERE res_job_index = 'CURRENT';

ALTER TABLE jobs
    ADD CONSTRAINT fk_jobs_assigned_moldable_job
        FOREIGN KEY (assigned_moldable_job)
        REFERENCES moldable_job_descriptions (moldable_id) ON DELETE SET NULL;
"""
LIVELY = """
    assignments event_logs frag_jobs job_dependencies job_resource_descriptions job_resource_groups
    job_types jobs moldable_job_descriptions
"""
OPTIONS = """
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000, vacuum_index_cleanup = on
"""
NAMES = """
    accounting admission_rules event_logs files gantt_jobs_predictions_log queues resources
    scheduler schema event_log_hostnames jobs resource_logs challenges frag_jobs job_dependencies
    job_state_logs job_types moldable_job_descriptions walltime_change assignments
    gantt_jobs_predictions job_resource_groups job_resource_descriptions
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(TABLES)
    for name in LIVELY.split():
        op.get_bind().exec_driver_sql(f"ALTER TABLE {name} SET ({OPTIONS})")
    create_views(op.get_bind())


def downgrade() -> None:
    drop_views(op.get_bind())
    op.get_bind().exec_driver_sql(f"DROP TABLE {', '.join(NAMES.split())} CASCADE")
