/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent may use of libmicrohttpd 0.9.33, and nothing more: the names, types and numbers of that version's
 * manual. Code that is compiled with it links with every later library, since all of these are still there. */
#ifndef OLD_MICROHTTPD_H
#define OLD_MICROHTTPD_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#define MHD_VERSION 0x00093300

#define MHD_NO 0
#define MHD_YES 1
#define MHD_SIZE_UNKNOWN ((uint64_t) -1LL)
#define MHD_CONTENT_READER_END_OF_STREAM ((size_t) -1LL)

#define MHD_HTTP_OK 200
#define MHD_HTTP_NOT_MODIFIED 304
#define MHD_HTTP_UNAUTHORIZED 401
#define MHD_HTTP_SERVICE_UNAVAILABLE 503

struct MHD_Daemon;
struct MHD_Connection;
struct MHD_Response;

enum MHD_FLAG {
	MHD_USE_SSL = 2,
	MHD_SUPPRESS_DATE_NO_CLOCK = 128,
	MHD_USE_EPOLL_LINUX_ONLY = 512,
	MHD_USE_PIPE_FOR_SHUTDOWN = 1024,
	MHD_USE_SUSPEND_RESUME = 8192 | MHD_USE_PIPE_FOR_SHUTDOWN
};

enum MHD_OPTION {
	MHD_OPTION_END = 0,
	MHD_OPTION_CONNECTION_MEMORY_LIMIT = 1,
	MHD_OPTION_CONNECTION_LIMIT = 2,
	MHD_OPTION_CONNECTION_TIMEOUT = 3,
	MHD_OPTION_NOTIFY_COMPLETED = 4,
	MHD_OPTION_PER_IP_CONNECTION_LIMIT = 5,
	MHD_OPTION_HTTPS_MEM_KEY = 8,
	MHD_OPTION_HTTPS_MEM_CERT = 9,
	MHD_OPTION_HTTPS_PRIORITIES = 11,
	MHD_OPTION_LISTEN_SOCKET = 12,
	MHD_OPTION_ARRAY = 15,
	MHD_OPTION_HTTPS_MEM_TRUST = 20
};

struct MHD_OptionItem {
	enum MHD_OPTION option;
	intptr_t value;
	void *ptr_value;
};

enum MHD_ValueKind { MHD_HEADER_KIND = 1, MHD_GET_ARGUMENT_KIND = 8 };
enum MHD_ResponseMemoryMode { MHD_RESPMEM_PERSISTENT, MHD_RESPMEM_MUST_FREE, MHD_RESPMEM_MUST_COPY };
enum MHD_RequestTerminationCode { MHD_REQUEST_TERMINATED_COMPLETED_OK };
enum MHD_ConnectionInfoType { MHD_CONNECTION_INFO_CLIENT_ADDRESS = 2, MHD_CONNECTION_INFO_GNUTLS_SESSION = 3 };
enum MHD_DaemonInfoType { MHD_DAEMON_INFO_LISTEN_FD = 2, MHD_DAEMON_INFO_EPOLL_FD_LINUX_ONLY = 3 };

union MHD_ConnectionInfo {
	void *tls_session;
	struct sockaddr *client_addr;
};

union MHD_DaemonInfo {
	size_t key_size;
	int listen_fd;
};

typedef int (*MHD_AcceptPolicyCallback)(void *cls, const struct sockaddr *addr, socklen_t addrlen);
typedef int (*MHD_AccessHandlerCallback)(void *cls, struct MHD_Connection *connection, const char *url,
    const char *method, const char *version, const char *upload_data, size_t *upload_data_size, void **con_cls);
typedef int (*MHD_KeyValueIterator)(void *cls, enum MHD_ValueKind kind, const char *key, const char *value);
typedef ssize_t (*MHD_ContentReaderCallback)(void *cls, uint64_t pos, char *buf, size_t max);
typedef void (*MHD_ContentReaderFreeCallback)(void *cls);

struct MHD_Daemon *MHD_start_daemon(unsigned int flags, uint16_t port, MHD_AcceptPolicyCallback apc, void *apc_cls,
    MHD_AccessHandlerCallback dh, void *dh_cls, ...);
void MHD_stop_daemon(struct MHD_Daemon *daemon);
int MHD_run(struct MHD_Daemon *daemon);
int MHD_get_timeout(struct MHD_Daemon *daemon, unsigned long long *timeout);
const union MHD_DaemonInfo *MHD_get_daemon_info(struct MHD_Daemon *daemon, enum MHD_DaemonInfoType info_type, ...);
const union MHD_ConnectionInfo *MHD_get_connection_info(
    struct MHD_Connection *connection, enum MHD_ConnectionInfoType info_type, ...);

void MHD_suspend_connection(struct MHD_Connection *connection);
void MHD_resume_connection(struct MHD_Connection *connection);

int MHD_get_connection_values(
    struct MHD_Connection *connection, enum MHD_ValueKind kind, MHD_KeyValueIterator iterator, void *iterator_cls);
const char *MHD_lookup_connection_value(struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key);

void MHD_suspend_connection(struct MHD_Connection *connection);
void MHD_resume_connection(struct MHD_Connection *connection);

struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode);
struct MHD_Response *MHD_create_response_from_callback(uint64_t size, size_t block_size, MHD_ContentReaderCallback crc,
    void *crc_cls, MHD_ContentReaderFreeCallback crfc);
int MHD_add_response_header(struct MHD_Response *response, const char *header, const char *content);
int MHD_queue_response(struct MHD_Connection *connection, unsigned int status_code, struct MHD_Response *response);
void MHD_destroy_response(struct MHD_Response *response);

#endif
