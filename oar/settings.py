"""The settings of an installation as frozen values, one small class per concern.

Each field names the key of ``oar.conf`` it comes from; ``etc/oar.conf`` documents every key.
"""

from dataclasses import dataclass, field
from typing import Any

from oar.setting_kinds import Bound, ByQueue, Commands, JsonObject, LooseBound, Patience, Pools, Targets


def key(
    name: str,
    default: Any,
    *,
    least: float | None = None,
    most: float | None = None,
    among: tuple[str, ...] = (),
) -> Any:
    """Declare a field that is read from the key ``name``; ``default`` holds when the key is absent.

    ``least`` and ``most`` bound a number, ``among`` lists the words that are allowed.
    """
    return field(default=default, metadata={"key": name, "least": least, "most": most, "among": among})


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where PostgreSQL is and who we are there; ``host`` may be the folder of a unix socket."""

    kind: str = key("DB_TYPE", "Pg", among=("Pg", "pg", "psql", "pgsql"))
    host: str = key("DB_HOSTNAME", "127.0.0.1")
    port: int = key("DB_PORT", 5432, least=1, most=65535)
    name: str = key("DB_BASE_NAME", "oar")
    login: str = key("DB_BASE_LOGIN", "oar")
    password: str = key("DB_BASE_PASSWD", "")
    reader_login: str = key("DB_BASE_LOGIN_RO", "oar_ro")
    reader_password: str = key("DB_BASE_PASSWD_RO", "")


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the server listens, and its own rhythm."""

    hostname: str = key("SERVER_HOSTNAME", "localhost")
    text_port: int = key("SERVER_PORT", 6666, least=1, most=65535)
    message_port: int = key("APPENDICE_SERVER_PORT", 6670, least=1, most=65535)
    metascheduler: tuple[str, ...] = key("META_SCHED_CMD", ("kao",))
    launches_at_once: int = key("MAX_CONCURRENT_JOBS_STARTING_OR_TERMINATING", 25, least=1)
    seconds_between_rounds: float = key("SCHEDULER_MIN_TIME_BETWEEN_2_CALLS", 0.0, least=0)
    kill_repeat_s: int = key("JOBDEL_SOFTWALLTIME", 20, least=1)
    kill_give_up_s: int = key("JOBDEL_WALLTIME", 300, least=1)
    kills_inner_jobs: bool = key("KILL_INNER_JOBS_WITH_CONTAINER", False)
    log_level: int = key("LOG_LEVEL", 2, least=1, most=3)
    log_file: str = key("LOG_FILE", ":stderr:")


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How nodes are reached and what is run there."""

    ssh: tuple[str, ...] = key("OPENSSH_CMD", ("/usr/bin/ssh", "-p", "6667"))
    taktuk: tuple[str, ...] = key("TAKTUK_CMD", ())
    taktuk_from_nodes: int = key("TAKTUK_FROM_NODES", 2, least=2)
    ssh_timeout_s: int = key("OAR_SSH_CONNECTION_TIMEOUT", 120, least=1)
    sessions_kept: int = key("NODE_SESSIONS_KEPT", 64, least=0)
    session_idle_s: int = key("NODE_SESSION_IDLE_TIMEOUT", 60, least=1, most=300)
    runtime_directory: str = key("OAR_RUNTIME_DIRECTORY", "/var/lib/oar")
    cpuset_path: str = key("CPUSET_PATH", "/oar")
    cpuset_property: str = key("JOB_RESOURCE_MANAGER_PROPERTY_DB_FIELD", "cpuset")
    thread_siblings: bool = key("COMPUTE_THREAD_SIBLINGS", False)
    memory_nodes: str = key("CGROUP_MEMORY_NODES", "cpu", among=("cpu", "all"))
    memory_limit: bool = key("CGROUP_MEMORY_LIMIT", False)
    processes_limit: Bound = key("CGROUP_PIDS_LIMIT", Bound(0), least=0)
    gpu_property: str = key("CGROUP_GPU_PROPERTY", "")
    clean_directories: tuple[str, ...] = key("CLEAN_USER_DIRECTORIES", ())
    resource_manager_file: str = key("JOB_RESOURCE_MANAGER_FILE", "")
    oarexec_file: str = key("OAREXEC_FILE", "")
    node_file_property: str = key("NODE_FILE_DB_FIELD", "network_address")
    node_file_distinct: str = key("NODE_FILE_DB_FIELD_DISTINCT_VALUES", "resource_id")
    prologue: str = key("PROLOGUE_EXEC_FILE", "")
    epilogue: str = key("EPILOGUE_EXEC_FILE", "")
    prologue_timeout_s: int = key("PROLOGUE_EPILOGUE_TIMEOUT", 60, least=1)
    server_prologue: str = key("SERVER_PROLOGUE_EXEC_FILE", "")
    server_epilogue: str = key("SERVER_EPILOGUE_EXEC_FILE", "")
    server_prologue_timeout_s: int = key("SERVER_PROLOGUE_EPILOGUE_TIMEOUT", 60, least=1)


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """How nodes are looked after: who asks whether they answer, what is offered a node that does not.

    Of the five programs that can ask, the first that is set does; with none, the server opens an ssh itself.
    """

    frequency_s: int = key("FINAUD_FREQUENCY", 300, least=0)
    no_repair: bool = key("DISABLE_SUSPECTED_NODES_REPAIR", False)
    with_jobs: bool = key("CHECK_NODES_WITH_RUNNING_JOB", False)
    at_job_end: bool = key("ACTIVATE_PINGCHECKER_AT_JOB_END", False)
    taktuk: tuple[str, ...] = key("PINGCHECKER_TAKTUK_ARG_COMMAND", ())
    sentinelle: tuple[str, ...] = key("PINGCHECKER_SENTINELLE_SCRIPT_COMMAND", ())
    fping: tuple[str, ...] = key("PINGCHECKER_FPING_COMMAND", ())
    nmap: tuple[str, ...] = key("PINGCHECKER_NMAP_COMMAND", ())
    generic: tuple[str, ...] = key("PINGCHECKER_GENERIC_COMMAND", ())
    dead_after_s: int = key("DEAD_SWITCH_TIME", 0, least=0)
    healing: tuple[str, ...] = key("SUSPECTED_HEALING_EXEC_FILE", ())
    healing_timeout_s: int = key("SUSPECTED_HEALING_TIMEOUT", 10, least=1)
    healing_waits: bool = key("SUSPECTED_HEALING_WAITS_FOR_JOBS", False)


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mail leaves; without ``server`` and ``sender`` none does. ``recipients`` are the administrators."""

    server: str = key("MAIL_SMTP_SERVER", "")
    sender: str = key("MAIL_SENDER", "")
    recipients: str = key("MAIL_RECIPIENT", "")
    instance: str = key("INSTANCE_NAME", "")

    @property
    def is_on(self) -> bool:
        """Tell whether mail can be sent at all."""
        return bool(self.server and self.sender)


@dataclass(frozen=True, slots=True)
class FrontendSettings:
    """Where the commands of jobs run that do not work on their nodes."""

    deploy: str = key("DEPLOY_HOSTNAME", "127.0.0.1")
    cosystem: str = key("COSYSTEM_HOSTNAME", "127.0.0.1")


_BY_NAME = (
    "translate(network_address, '0123456789', '') ASC, length(network_address) ASC, network_address ASC"
)
"""Nodes by their names, node2 before node10."""


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """What every round obeys."""

    security_time_s: int = key("SCHEDULER_JOB_SECURITY_TIME", 60, least=0)
    resource_order: str = key(
        "SCHEDULER_RESOURCE_ORDER",
        "scheduler_priority ASC, state_num ASC, available_upto DESC, suspended_jobs ASC, "
        f"{_BY_NAME}, resource_id ASC",
    )
    resource_order_plugin: str = key("SCHEDULER_RESOURCE_ORDER_PLUGIN", "")
    reservation_order: str = key("SCHEDULER_RESOURCE_ORDER_ADV_RESERVATIONS", f"{_BY_NAME}, resource_id ASC")
    reservation_order_after_s: int = key("SCHEDULER_RESOURCE_ORDER_ADV_RESERVATIONS_THRESHOLD", 300, least=0)
    reservation_patience_s: int = key("RESERVATION_WAITING_RESOURCES_TIMEOUT", 300, least=0)
    filter_timeout_s: int = key("SCHEDULER_TIMEOUT", 30, least=1)
    jobs_per_round: LooseBound = key("MAX_JOB_PER_QUEUES_GROUP_SCHEDULING_ROUND", LooseBound(0))
    freed_types: tuple[str, ...] = key("SCHEDULER_AVAILABLE_SUSPENDED_RESOURCE_TYPE", ("default",))
    dependencies_need_success: bool = key("DEPENDENCY_REQUIRES_SUCCESS", False)
    evict_before_s: int = key("SCHEDULER_BESTEFFORT_KILL_DURATION_BEFORE_RESERVATION", 0, least=0)
    check_plans: bool = key("SCHEDULER_CHECK_PLANS", False)
    rounds_kept: int = key("ROUNDS_KEPT", 1000, least=0)
    schedulers_path: str = key("SCHEDULERS_PATH", "")
    failures_allowed: Bound = key("SCHEDULER_FAILURES_BEFORE_NOT_ACTIVE", Bound(3), least=0)
    token_scripts: Commands = key("SCHEDULER_TOKEN_SCRIPTS", Commands())
    extra_step: str = key("EXTRA_METASCHED", "default")
    extra_step_config: str = key("EXTRA_METASCHED_CONFIG", "")


@dataclass(frozen=True, slots=True)
class SuspendSettings:
    """Who may suspend jobs that run, and what is run then on nodes and on the server."""

    users_may: bool = key("USERS_ALLOWED_HOLD_RESUME", False)
    node_file: str = key("SUSPEND_RESUME_FILE", "")
    after_suspend: str = key("JUST_AFTER_SUSPEND_EXEC_FILE", "")
    before_resume: str = key("JUST_BEFORE_RESUME_EXEC_FILE", "")
    script_timeout_s: int = key("SUSPEND_RESUME_SCRIPT_TIMEOUT", 60, least=1)


@dataclass(frozen=True, slots=True)
class WalltimeSettings:
    """Which changes of the walltime of running jobs are taken; seconds below 1 are a part of the walltime."""

    enabled: bool = key("WALLTIME_CHANGE_ENABLED", False)
    max_increase: ByQueue[float] = key("WALLTIME_MAX_INCREASE", ByQueue(0.0))
    least: ByQueue[float] = key("WALLTIME_MIN_FOR_CHANGE", ByQueue(0.0))
    no_reduction: ByQueue[bool] = key("WALLTIME_REDUCTION_DISALLOWED", ByQueue(False))
    apply_time: ByQueue[float] = key("WALLTIME_CHANGE_APPLY_TIME", ByQueue(0.0))
    increment: ByQueue[float] = key("WALLTIME_INCREMENT", ByQueue(0.0))
    may_force: ByQueue[frozenset[str]] = key("WALLTIME_ALLOWED_USERS_TO_FORCE", ByQueue(frozenset()))
    may_delay: ByQueue[frozenset[str]] = key("WALLTIME_ALLOWED_USERS_TO_DELAY_JOBS", ByQueue(frozenset()))
    timeout_s: int = key("WALLTIME_CHANGE_TIMEOUT", 0, least=0)


@dataclass(frozen=True, slots=True)
class OrderSettings:
    """Which waiting job is planned first; without ``priority`` the policy of each queue says it."""

    priority: str = key(
        "JOB_PRIORITY", "", among=("FIFO", "FAIRSHARE", "FAIRSHARING", "MULTIFACTOR", "CUSTOM", "")
    )
    window_s: int = key("SCHEDULER_FAIRSHARING_WINDOW_SIZE", 2592000, least=1)
    project_targets: Targets = key(
        "SCHEDULER_FAIRSHARING_PROJECT_TARGETS", Targets((("first", 75.0), ("default", 25.0)))
    )
    user_targets: Targets = key("SCHEDULER_FAIRSHARING_USER_TARGETS", Targets())
    project_coef: float = key("SCHEDULER_FAIRSHARING_COEF_PROJECT", 0.0)
    user_coef: float = key("SCHEDULER_FAIRSHARING_COEF_USER", 2.0)
    user_ask_coef: float = key("SCHEDULER_FAIRSHARING_COEF_USER_ASK", 1.0)
    jobs_per_user: Bound = key("SCHEDULER_FAIRSHARING_MAX_JOB_PER_USER", Bound(30), least=0)
    priority_file: str = key("PRIORITY_CONF_FILE", "")
    custom: str = key("CUSTOM_JOB_SORTING", "")
    custom_config: JsonObject = key("CUSTOM_JOB_SORTING_CONFIG", JsonObject("{}"))


@dataclass(frozen=True, slots=True)
class QuotaSettings:
    """Whether jobs have quotas, where these are written, and how far ahead they are looked at."""

    enabled: bool = key("QUOTAS", False)
    file: str = key("QUOTAS_CONF_FILE", "")
    ahead_s: int = key("QUOTAS_PERIOD", 1296000, least=1)
    window_s: int = key("QUOTAS_WINDOW_TIME_LIMIT", 4 * 1296000, least=1)
    all_means: str = key("QUOTAS_ALL_NB_RESOURCES_MODE", "default_not_dead")


@dataclass(frozen=True, slots=True)
class EnergySettings:
    """How idle nodes are put to sleep and woken; a kind of order without a command is never given.

    With ``internal``, the commands of that name are run, node by node in windows; otherwise the others, once
    for all nodes.
    """

    internal: bool = key("ENERGY_SAVING_INTERNAL", False)
    mode: str = key("ENERGY_SAVING_MODE", "", among=("metascheduler_decision_making", ""))
    sleep_command: tuple[str, ...] = key("SCHEDULER_NODE_MANAGER_SLEEP_CMD", ())
    wake_command: tuple[str, ...] = key("SCHEDULER_NODE_MANAGER_WAKE_UP_CMD", ())
    internal_sleep_command: tuple[str, ...] = key("ENERGY_SAVING_NODE_MANAGER_SLEEP_CMD", ())
    internal_wake_command: tuple[str, ...] = key("ENERGY_SAVING_NODE_MANAGER_WAKE_UP_CMD", ())
    idle_s: int = key("SCHEDULER_NODE_MANAGER_IDLE_TIME", 600, least=0)
    sleep_s: int = key("SCHEDULER_NODE_MANAGER_SLEEP_TIME", 600, least=0)
    wakeup_s: int = key("SCHEDULER_NODE_MANAGER_WAKEUP_TIME", 600, least=0)
    halt_s: int = key("SCHEDULER_NODE_MANAGER_HALT_TIME", 60, least=0)
    wakeup_timeout: Patience = key("ENERGY_SAVING_NODE_MANAGER_WAKEUP_TIMEOUT", Patience(((1, 900),)))
    retries: int = key("ENERGY_SAVING_NODE_MANAGER_RETRIES", 0, least=0)
    pools: Pools = key("ENERGY_SAVING_NODES_KEEPALIVE", Pools((("type='default'", 0),)))
    window_size: int = key("ENERGY_SAVING_WINDOW_SIZE", 25, least=1)
    window_size_oar3: Bound = key("ENERGY_SAVING_WINDOW_FORKER_SIZE", Bound(0), least=0)
    window_s: int = key("ENERGY_SAVING_WINDOW_TIME", 60, least=0)
    window_timeout_s: int = key("ENERGY_SAVING_WINDOW_TIMEOUT", 120, least=1)
    all_at_once: bool = key("ENERGY_SAVING_WINDOW_FORKER_BYPASS", False)

    @property
    def halts_with(self) -> tuple[str, ...]:
        """The command that puts nodes to sleep; empty when none do."""
        return self.internal_sleep_command if self.internal else self.sleep_command

    @property
    def wakes_with(self) -> tuple[str, ...]:
        """The command that wakes nodes; empty when none are."""
        return self.internal_wake_command if self.internal else self.wake_command


@dataclass(frozen=True, slots=True)
class SubmissionSettings:
    """What a submission means where the user said nothing."""

    default_request: str = key("OARSUB_DEFAULT_RESOURCES", "/resource_id=1")
    nodes_property: str = key("OARSUB_NODES_RESOURCES", "network_address")
    default_walltime_s: int = key("DEFAULT_JOB_WALLTIME", 7200, least=1)
    default_queue: str = key("QUEUE", "default")
    default_project: str = key("PROJECT", "default")
    waiting_reservations: Bound = key("OARSUB_MAX_WAITING_RESERVATIONS", Bound(2), least=0)
    reservation_hook: str = key("ADVANCE_RESERVATION_VALIDATION_HOOK_EXEC_FILE", "")
    forces_job_key: bool = key("OARSUB_FORCE_JOB_KEY", False)
    admission_folder: str = key("ADMISSION_RULES_PATH", "")
    admission_plugins: tuple[str, ...] = key("ADMISSION_PLUGINS", ())


@dataclass(frozen=True, slots=True)
class OarshSettings:
    """How users enter their jobs by ssh; options are written as getopt wants them."""

    ssh: tuple[str, ...] = key("OARSH_OPENSSH_CMD", ())
    options: str = key(
        "OPENSSH_OPTSTR", "1246ab:c:e:fgi:kl:m:no:p:qstvxAB:CD:E:F:GI:J:KL:MNO:P:Q:R:S:TVw:W:XYy"
    )
    passed_on: str = key("OPENSSH_OPTSTR_FILTERED", "1246b:c:fkm:nqtvxCT")
    default_options: tuple[str, ...] = key(
        "OARSH_OPENSSH_DEFAULT_OPTIONS", ("-oProxyCommand=none", "-oPermitLocalCommand=no")
    )


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """How the commands show things."""

    oarstat_format: int = key("OARSTAT_DEFAULT_OUTPUT_FORMAT", 2, least=1, most=2)
    show_other_users_requests: bool = key("OARSTAT_SHOW_OTHER_USERS_INITIAL_REQUEST", False)
    accounting_window_s: int = key("ACCOUNTING_WINDOW", 86400, least=1)


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it, as read once by an entry point and passed on as an argument."""

    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    nodes: NodeSettings = field(default_factory=NodeSettings)
    checks: CheckSettings = field(default_factory=CheckSettings)
    frontends: FrontendSettings = field(default_factory=FrontendSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    scheduler: SchedulerSettings = field(default_factory=SchedulerSettings)
    order: OrderSettings = field(default_factory=OrderSettings)
    quotas: QuotaSettings = field(default_factory=QuotaSettings)
    suspend: SuspendSettings = field(default_factory=SuspendSettings)
    walltime: WalltimeSettings = field(default_factory=WalltimeSettings)
    energy: EnergySettings = field(default_factory=EnergySettings)
    submission: SubmissionSettings = field(default_factory=SubmissionSettings)
    oarsh: OarshSettings = field(default_factory=OarshSettings)
    display: DisplaySettings = field(default_factory=DisplaySettings)
