/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef APP_VERSION_H
#define APP_VERSION_H

#define VERSION "1.0"

#endif
