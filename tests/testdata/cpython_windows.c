/*
 * What CPython does with a SharedMemory on Windows, call by call: create and
 * attach are Lib/multiprocessing/shared_memory.py, map_tag is
 * Modules/mmapmodule.c. It obeys lines of stdin and answers each with a line.
 *
 *	create NAME SIZE   SharedMemory(NAME, create=True, size=SIZE), answers the size
 *	attach NAME        SharedMemory(NAME), answers the size
 *	read OFFSET        answers the byte
 *	write OFFSET BYTE
 *	close
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>

static HANDLE map;
static unsigned char *data;
static SIZE_T size;

/* mmap.mmap(-1, n, tagname=name) */
static DWORD map_tag(const wchar_t *name, SIZE_T n)
{
	map = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE,
				 (DWORD)((unsigned long long)n >> 32), (DWORD)n, name);
	if (map == NULL)
		return GetLastError();
	data = MapViewOfFile(map, FILE_MAP_WRITE, 0, 0, n);
	if (data == NULL) {
		DWORD err = GetLastError();
		CloseHandle(map);
		return err;
	}
	size = n;
	return 0;
}

static DWORD create(const wchar_t *name, SIZE_T n)
{
	HANDLE reserved = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE,
					     (DWORD)((unsigned long long)n >> 32), (DWORD)n, name);
	DWORD err = GetLastError();
	if (reserved == NULL)
		return err;
	if (err != ERROR_ALREADY_EXISTS)
		err = map_tag(name, n);
	CloseHandle(reserved);
	return err;
}

static DWORD attach(const wchar_t *name)
{
	MEMORY_BASIC_INFORMATION info;
	HANDLE existing = OpenFileMappingW(FILE_MAP_READ, FALSE, name);
	if (existing == NULL)
		return GetLastError();
	void *view = MapViewOfFile(existing, FILE_MAP_READ, 0, 0, 0);
	DWORD err = GetLastError();
	CloseHandle(existing);
	if (view == NULL)
		return err;
	SIZE_T got = VirtualQuery(view, &info, sizeof info);
	err = GetLastError();
	UnmapViewOfFile(view);
	if (got == 0)
		return err;
	return map_tag(name, info.RegionSize);
}

int main(void)
{
	char line[1000], name[1000];
	wchar_t wide[1000];
	unsigned long long a = 0, b = 0;

	while (fgets(line, sizeof line, stdin) != NULL) {
		DWORD err = 0;
		unsigned long long result = 0;
		if (sscanf(line, "create %999s %llu", name, &a) == 2) {
			MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, 1000);
			err = create(wide, (SIZE_T)a);
			result = size;
		} else if (sscanf(line, "attach %999s", name) == 1) {
			MultiByteToWideChar(CP_UTF8, 0, name, -1, wide, 1000);
			err = attach(wide);
			result = size;
		} else if (sscanf(line, "read %llu", &a) == 1) {
			result = data[a];
		} else if (sscanf(line, "write %llu %llu", &a, &b) == 2) {
			data[a] = (unsigned char)b;
		} else if (strncmp(line, "close", 5) == 0) {
			UnmapViewOfFile(data);
			CloseHandle(map);
		} else {
			return 2;
		}
		if (err != 0)
			printf("error %lu\n", err);
		else
			printf("ok %llu\n", result);
		fflush(stdout);
	}
	return 0;
}
